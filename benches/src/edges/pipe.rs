//! The same calls to another process, by two pipes.

use super::text::{Call, Payload, expected, letters};
use super::{Loop, Prepare};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// The other process, ended with its loop.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A loop that asks another process.
pub fn loop_of(payload: Payload) -> Prepare {
    Box::new(move |count| {
        let me = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut command = Command::new(me);
        command.arg("--answer").arg(payload.key()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut other = Other(command.spawn().map_err(|e| e.to_string())?);
        let pipes = other.0.stdin.take().zip(other.0.stdout.take());
        let (mut to, mut from) = pipes.ok_or("the other process has no pipes")?;
        let (mut request, mut reply) = buffers(payload);
        Ok(Box::new(move || {
            // The other process lives as long as this does.
            let _alive = &other;
            let begin = Instant::now();
            let all = ask(payload, count, &mut to, &mut from, &mut request, &mut reply).map_err(|e| e.to_string())?;
            let time = begin.elapsed();
            if all == expected(payload, Call::Lowered, count) {
                Ok(time)
            } else {
                Err("it answered wrongly".to_owned())
            }
        }) as Loop)
    })
}

/// A request and a reply: as many bytes as go each way.
fn buffers(payload: Payload) -> (Vec<u8>, Vec<u8>) {
    let (there, back) = match payload {
        Payload::Integer => (4, 4),
        Payload::List(size) | Payload::StringThere(size) => (size, 4),
        Payload::StringBack(size) => (4, size),
    };
    (vec![0; there as usize], vec![0; back as usize])
}

/// What the module with the loop does.
fn ask(
    payload: Payload,
    count: u32,
    to: &mut impl Write,
    from: &mut impl Read,
    request: &mut [u8],
    reply: &mut [u8],
) -> io::Result<u32> {
    let (mut sum, mut all) = (0u32, 0u32);
    for i in 0..count {
        match payload {
            Payload::Integer | Payload::StringBack(_) => put(request, 0, sum.wrapping_add(i)),
            Payload::List(_) | Payload::StringThere(_) => put_ends(request, letters(sum), letters(i)),
        }
        to.write_all(request)?;
        from.read_exact(reply)?;
        sum = match payload {
            Payload::StringBack(size) => ends(reply).rotate_left(7).wrapping_add(size),
            _ => word(reply, 0),
        };
        all = all.rotate_left(1).wrapping_add(sum);
    }
    Ok(all)
}

/// What the module with the function does, for as long as somebody asks.
pub fn answer(payload: Payload) -> io::Result<()> {
    // Not by Rust's standard streams, which have buffers.
    let mut from = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut to = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let (mut request, mut reply) = buffers(payload);
    reply.fill(b'.');
    loop {
        match from.read_exact(&mut request) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let x = word(&request, 0);
        match payload {
            Payload::Integer => put(&mut reply, 0, x.rotate_left(7).wrapping_add(1)),
            Payload::List(size) | Payload::StringThere(size) => {
                put(&mut reply, 0, ends(&request).rotate_left(7).wrapping_add(size))
            }
            Payload::StringBack(_) => put_ends(&mut reply, letters(x), letters(x >> 4)),
        }
        to.write_all(&reply)?;
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().map_or(0, u32::from_le_bytes)
}

fn put(bytes: &mut [u8], at: usize, word: u32) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = word.to_le_bytes();
    }
}

/// The sum of the first and the last word.
fn ends(bytes: &[u8]) -> u32 {
    word(bytes, 0).wrapping_add(word(bytes, bytes.len() - 4))
}

fn put_ends(bytes: &mut [u8], first: u32, last: u32) {
    put(bytes, 0, first);
    put(bytes, bytes.len() - 4, last);
}
