//! Sockets. Nothing here is granted as one yet, so whatever a guest has open is none.

use super::ctx::WasiCtx;
use super::errno::Errno;
use super::memory::GuestMemory;

/// Accepts a connection.
pub fn sock_accept(
    ctx: &mut WasiCtx,
    _mem: &mut GuestMemory<'_>,
    fd: u32,
    _flags: u32,
    _accepted: u32,
) -> Result<(), Errno> {
    no_socket(ctx, fd)
}

/// Receives a message.
#[expect(clippy::too_many_arguments, reason = "preview 1's signature")]
pub fn sock_recv(
    ctx: &mut WasiCtx,
    _mem: &mut GuestMemory<'_>,
    fd: u32,
    _iovs: u32,
    _iovs_len: u32,
    _flags: u32,
    _received: u32,
    _flags_out: u32,
) -> Result<(), Errno> {
    no_socket(ctx, fd)
}

/// Sends a message.
pub fn sock_send(
    ctx: &mut WasiCtx,
    _mem: &mut GuestMemory<'_>,
    fd: u32,
    _iovs: u32,
    _iovs_len: u32,
    _flags: u32,
    _sent: u32,
) -> Result<(), Errno> {
    no_socket(ctx, fd)
}

/// Shuts a connection down.
pub fn sock_shutdown(ctx: &mut WasiCtx, _mem: &mut GuestMemory<'_>, fd: u32, _how: u32) -> Result<(), Errno> {
    no_socket(ctx, fd)
}

/// `NOTSOCK` for what is open, `BADF` for what is not.
fn no_socket(ctx: &WasiCtx, fd: u32) -> Result<(), Errno> {
    ctx.descriptors.get(fd)?;
    Err(Errno::NOTSOCK)
}

#[cfg(test)]
mod tests {
    use super::super::dircap::DirAccess;
    use super::super::testing::{DIR, Guest, TempDir};
    use super::*;

    #[test]
    fn a_directory_is_no_socket() {
        let mut guest = Guest::new(&TempDir::new(), DirAccess::ReadOnly);
        assert_eq!(guest.call(|ctx, mem| sock_accept(ctx, mem, DIR, 0, 0)), Err(Errno::NOTSOCK));
        assert_eq!(guest.call(|ctx, mem| sock_shutdown(ctx, mem, 9, 0)), Err(Errno::BADF));
    }
}
