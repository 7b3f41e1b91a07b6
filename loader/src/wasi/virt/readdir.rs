//! Listing a folder. Cookies are those of the module that answers; 0 is the beginning.
//!
//! Nothing of a listing is kept: what did not fit is asked for again, from the cookie that the guest has then.

use super::super::types::Rights;
use super::front::Front;
use super::{Answer, Entry, Halt};

/// The most entries of one listing: a folder that has more, or whose cookies lead back, has no end.
const MAX_ENTRIES: u32 = 1 << 20;

/// The longest name.
const MAX_NAME_BYTES: usize = 255;

/// `fd_readdir`
pub fn fd_readdir(front: &mut Front<'_>, fd: u32, buf: u32, len: u32, cookie: u64, used: u32) -> Answer<()> {
    let held = front.held(fd)?;
    let folder = held.folder(Rights::FD_READDIR)?;
    let mem = front.mem()?;
    mem.check(used, 4)?;
    mem.check(buf, len)?;
    let mut listed = if cookie == 0 { 0 } else { held.file.listed };
    let (mut cursor, mut written) = (cookie, 0);
    while written < len {
        let entries = front.answers.entries(folder, cursor)?;
        if entries.is_empty() {
            break;
        }
        let mut mem = front.mem()?;
        for entry in &entries {
            check(entry, cursor)?;
            let dirent = dirent(entry);
            let fits = dirent.len().min((len - written) as usize);
            // It lies within the memory, as was checked.
            mem.write(buf + written, &dirent[..fits])?;
            written += fits as u32;
            if fits < dirent.len() {
                // Cut off: the guest asks for this entry again.
                break;
            }
            cursor = entry.next;
            listed += 1;
            if listed > MAX_ENTRIES {
                return Err(Halt::Broken(format!("a folder of more than {MAX_ENTRIES} entries")));
            }
        }
    }
    front.update(fd, &held, |file| file.listed = listed)?;
    Ok(front.mem()?.write_u32(used, written)?)
}

/// A name is one of a path, and a listing goes on.
fn check(entry: &Entry, cursor: u64) -> Answer<()> {
    let name = &entry.name;
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(['/', '\0']) {
        return Err(Halt::Broken("the name of an entry is empty, too long, or has a slash or a NUL in it".to_owned()));
    }
    if entry.next == 0 || entry.next == cursor {
        return Err(Halt::Broken(format!("an entry after {cursor} whose next is {}", entry.next)));
    }
    Ok(())
}

/// An entry as the guest reads it: see `readdir.rs` of folders of the host.
fn dirent(entry: &Entry) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 + entry.name.len());
    out.extend(entry.next.to_le_bytes());
    out.extend(entry.inode.to_le_bytes());
    out.extend((entry.name.len() as u32).to_le_bytes());
    out.extend([entry.kind, 0, 0, 0]);
    out.extend(entry.name.as_bytes());
    out
}
