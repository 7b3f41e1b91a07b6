//! Sockets that another module answers for.

use super::super::descriptors::{Descriptor, Kind};
use super::super::errno::Errno;
use super::super::types::{FdFlags, Rights};
use super::Answer;
use super::file::{VirtualFile, What};
use super::front::{Front, Held};
use super::io::{read_into, write_from};

/// `riflags`: what was received stays there.
const RECV_PEEK: u32 = 1;
/// `riflags`: wait until all the vectors are full.
const RECV_WAITALL: u32 = 2;

/// `sock_accept`
pub fn sock_accept(front: &mut Front<'_>, fd: u32, flags: u32, accepted: u32) -> Answer<()> {
    let held = front.held(fd)?;
    match held.file.what {
        What::Listener => {}
        What::Connection => return Err(Errno::INVAL.into()),
        _ => return Err(Errno::NOTSOCK.into()),
    }
    let flags = u16::try_from(flags).map(FdFlags::from_raw).map_err(|_| Errno::INVAL)?;
    if !FdFlags::NONBLOCK.contains(flags) {
        return Err(Errno::INVAL.into());
    }
    held.require(Rights::SOCK_ACCEPT)?;
    front.mem()?.check(accepted, 4)?;
    front.state()?.descriptors.vacancy()?;
    let node = front.answers.accept(held.file.node, held.waits())?;
    let connection = VirtualFile::new(What::Connection, node);
    let base = Rights::CONNECTION.intersection(held.inheriting);
    let kind = Kind::Virtual(connection.clone());
    let inserted = front.state()?.descriptors.insert(Descriptor { kind, base, inheriting: Rights::NONE, flags });
    match inserted {
        Ok(number) => Ok(front.mem()?.write_u32(accepted, number)?),
        Err(errno) => {
            front.release(&connection)?;
            Err(errno.into())
        }
    }
}

/// `sock_recv`. `RECV_WAITALL` is what there is: a short answer is legal, and who waits for more asks again.
pub fn sock_recv(
    front: &mut Front<'_>,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    flags: u32,
    received: u32,
    flags_out: u32,
) -> Answer<()> {
    let held = connection(front, fd)?;
    if flags & !(RECV_PEEK | RECV_WAITALL) != 0 {
        return Err(Errno::INVAL.into());
    }
    front.mem()?.check(flags_out, 2)?;
    held.require(Rights::FD_READ)?;
    let (node, peek, waits) = (held.file.node, flags & RECV_PEEK != 0, held.waits());
    read_into(front, (iovs, iovs_len, received), false, |answers, len, _| answers.receive(node, len, peek, waits))?;
    Ok(front.mem()?.write(flags_out, &[0; 2])?)
}

/// `sock_send`
pub fn sock_send(front: &mut Front<'_>, fd: u32, iovs: u32, iovs_len: u32, flags: u32, sent: u32) -> Answer<()> {
    let held = connection(front, fd)?;
    if flags != 0 {
        return Err(Errno::INVAL.into());
    }
    held.require(Rights::FD_WRITE)?;
    let (node, waits) = (held.file.node, held.waits());
    write_from(front, (iovs, iovs_len, sent), |answers, data, _| answers.send(node, data, waits)).map(drop)
}

/// `sock_shutdown`
pub fn sock_shutdown(front: &mut Front<'_>, fd: u32, how: u32) -> Answer<()> {
    let held = connection(front, fd)?;
    if how == 0 || how > 3 {
        return Err(Errno::INVAL.into());
    }
    held.require(Rights::SOCK_SHUTDOWN)?;
    front.answers.shutdown(held.file.node, how & 1 != 0, how & 2 != 0)
}

/// A connection; what listens has none.
fn connection(front: &mut Front<'_>, fd: u32) -> Answer<Held> {
    let held = front.held(fd)?;
    match held.file.what {
        What::Connection => Ok(held),
        What::Listener => Err(Errno::NOTCONN.into()),
        _ => Err(Errno::NOTSOCK.into()),
    }
}
