//! `--tcp-listen` and `--listen-fds`: sockets on which a guest accepts connections. It can make none itself.

use super::exit::Failure;
use super::options::{Choice, Given};
use bailiwick_loader::wasi::WasiCtxBuilder;
use rustix::io::FdFlags;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The first descriptor that a service manager passes, as `sd_listen_fds(3)` has it.
const FIRST_PASSED: RawFd = 3;

/// Most sockets that are taken from a service manager.
const MAX_PASSED: RawFd = 1000;

/// The options of listening sockets.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listeners {
    tcp_listen: Vec<String>,
    listen_fds: bool,
}

/// How these options are told.
pub const OPTIONS: [Choice; 2] = [
    Choice::taking(
        "tcp-listen",
        &["ADDRESS:PORT"],
        "Grant a socket that listens here, as 127.0.0.1:8080; port 0 is any, told on standard error",
    )
    .of(|text| parse_address(text).map(drop))
    .repeated(),
    Choice::flag("listen-fds", "Grant the sockets that a service manager passed (LISTEN_FDS)"),
];

/// Sockets that were passed to this process.
pub struct Passed(Vec<OwnedFd>);

impl Listeners {
    /// What was given.
    pub fn new(given: &mut Given) -> Listeners {
        Listeners { tcp_listen: given.texts("tcp-listen"), listen_fds: given.has("listen-fds") }
    }

    /// Whether any of them was given.
    pub fn given(&self) -> bool {
        !self.tcp_listen.is_empty() || self.listen_fds
    }

    /// Takes what a service manager passed, if that is granted.
    ///
    /// # Safety
    /// Nothing else in this process has opened a descriptor yet, or will close one that it did not open.
    pub unsafe fn take_passed(&self) -> Result<Passed, Failure> {
        if !self.listen_fds {
            return Ok(Passed(Vec::new()));
        }
        let none = |why: &str| Failure::refused(format!("--listen-fds: no socket was passed to this process: {why}"));
        let variable = |name: &str| std::env::var(name).map_err(|_| none(&format!("{name} is not set")));
        if variable("LISTEN_PID")?.parse() != Ok(std::process::id()) {
            return Err(none("LISTEN_PID is another's"));
        }
        let count = variable("LISTEN_FDS")?.parse().ok().filter(|count| (1..=MAX_PASSED).contains(count));
        let count = count.ok_or_else(|| none("LISTEN_FDS is no number from 1 to 1000"))?;
        let mut sockets = Vec::new();
        for number in FIRST_PASSED..FIRST_PASSED + count {
            // SAFETY: it is used for this call, which asks whether it is open.
            let fd = unsafe { BorrowedFd::borrow_raw(number) };
            if rustix::io::fcntl_getfd(fd).is_err() {
                return Err(none(&format!("LISTEN_FDS is {count}, but {number} is not open")));
            }
            // SAFETY: it is open, and nobody else's: this process opened none yet, and whoever started it passed it.
            let socket = unsafe { OwnedFd::from_raw_fd(number) };
            // The compiler has no use for it.
            rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC).map_err(|e| none(&e.to_string()))?;
            sockets.push(socket);
        }
        Ok(Passed(sockets))
    }

    /// Grants the sockets. The guest has them from descriptor `first` on; which is which is said on standard error.
    pub fn grant(&self, builder: &mut WasiCtxBuilder, passed: Passed, first: usize) -> Result<(), Failure> {
        let mut descriptors = first..;
        let mut say = |what: String| {
            let number = descriptors.next().unwrap_or_default();
            super::text::say(&format!("listening on {what}: descriptor {number}"));
        };
        for address in &self.tcp_listen {
            let failed = |e: String| Failure::refused(format!("--tcp-listen {address}: {e}"));
            let listener = parse_address(address).map_err(Failure::usage)?;
            let listener = TcpListener::bind(listener).map_err(|e| failed(e.to_string()))?;
            let bound = listener.local_addr().map_err(|e| failed(e.to_string()))?;
            builder.listener(listener.into()).map_err(|e| failed(e.to_string()))?;
            say(bound.to_string());
        }
        for (socket, number) in passed.0.into_iter().zip(FIRST_PASSED..) {
            builder
                .listener(socket)
                .map_err(|e| Failure::refused(format!("--listen-fds: descriptor {number}: {e}")))?;
            say(format!("the socket passed as {number}"));
        }
        Ok(())
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "it wants a numeric address and a port, as 127.0.0.1:8080 or [::1]:0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_numeric() {
        assert!(parse_address("127.0.0.1:0").is_ok() && parse_address("[::]:80").is_ok());
        for wrong in ["", "80", ":80", "localhost:80", "127.0.0.1", "127.0.0.1:65536", "::1:80:"] {
            assert!(parse_address(wrong).is_err(), "{wrong:?}");
        }
    }
}
