//! Output whose terminal escape sequences are inert: shown, and not obeyed.
//!
//! A terminal is a machine that text can programme: it can be made to move the cursor and write over what stands there, to
//! change its title, to answer as if somebody typed. What a module writes that is not trusted so far goes through here:
//!
//! | what | becomes |
//! |---|---|
//! | a line feed, a tab | itself |
//! | a carriage return just before a line feed | itself |
//! | any other control character of ASCII (ESC, BEL, a lone carriage return, …) | its picture (U+2400 …), delete U+2421 |
//! | a control character of U+0080 … U+009F (CSI, OSC, …) | its number, as `<U+009B>` |
//! | a character that changes the direction of text (Unicode's `Bidi_Control`) | its number |
//! | bytes that are not UTF-8, among them 0x80 … 0x9f, which some terminals obey | U+FFFD |
//!
//! So what comes out is UTF-8 without a control character but tab and the ends of lines. It does not depend on how the
//! guest's writes cut the text.

use super::errno::Errno;
use super::host_stream::total;
use super::stdio::Sink;
use super::wait::{Stop, Wait};
use std::io::{IoSlice, Write};

/// How many bytes of the guest are made inert at once. What they become is at most four times as long.
const PIECE_BYTES: usize = 4096;

/// After so many, others have their turn.
const BURST_BYTES: usize = 1 << 20;

/// The replacement of what is not UTF-8.
const NOT_UTF8: char = '\u{fffd}';

/// What makes text inert, and keeps what it can't decide about before it knows what comes next.
#[derive(Clone, Debug, Default)]
struct Filter {
    /// A carriage return was the last that came.
    carriage_return: bool,
    /// The beginning of a character, after that.
    begun: Vec<u8>,
}

impl Filter {
    /// Adds to `out` what `bytes` become.
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut text = std::mem::take(&mut self.begun);
        text.extend_from_slice(bytes);
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let (valid, invalid) = match std::str::from_utf8(rest) {
                Ok(_) => (rest.len(), 0),
                Err(error) => match error.error_len() {
                    Some(invalid) => (error.valid_up_to(), invalid),
                    None => {
                        // A character that is not complete.
                        let (before, begun) = rest.split_at(error.valid_up_to());
                        self.begun = begun.to_vec();
                        rest = before;
                        continue;
                    }
                },
            };
            String::from_utf8_lossy(&rest[..valid]).chars().for_each(|c| self.show(c, out));
            if invalid > 0 {
                self.show(NOT_UTF8, out);
            }
            rest = &rest[valid + invalid..];
        }
    }

    /// Adds what there is if nothing more comes.
    fn finish(&mut self, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.begun).is_empty() {
            self.show(NOT_UTF8, out);
        }
        if std::mem::take(&mut self.carriage_return) {
            push(picture('\r'), out);
        }
    }

    /// Adds one character.
    fn show(&mut self, c: char, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.carriage_return) {
            push(if c == '\n' { '\r' } else { picture('\r') }, out);
        }
        match c {
            '\r' => self.carriage_return = true,
            '\n' | '\t' => push(c, out),
            '\0'..='\x1f' | '\x7f' => push(picture(c), out),
            '\u{80}'..='\u{9f}' => number(c, out),
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => number(c, out),
            c => push(c, out),
        }
    }
}

fn push(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn number(c: char, out: &mut Vec<u8>) {
    // A vector takes everything.
    let _ = write!(out, "<U+{:04X}>", u32::from(c));
}

/// The picture of a control character of ASCII.
fn picture(c: char) -> char {
    match c {
        '\x7f' => '\u{2421}',
        c => char::from_u32(0x2400 + u32::from(c)).unwrap_or(NOT_UTF8),
    }
}

/// A sink that gets what a guest writes made inert.
#[derive(Debug)]
pub(super) struct Inert {
    sink: Sink,
    filter: Filter,
    /// What the guest was told is written and the sink did not take yet: no more than a piece becomes.
    pending: Vec<u8>,
}

impl Inert {
    pub(super) fn new(sink: Sink) -> Inert {
        Inert { sink, filter: Filter::default(), pending: Vec::new() }
    }

    /// Where it goes.
    pub(super) fn sink(&self) -> &Sink {
        &self.sink
    }

    /// Writes as [`Sink::write`] does. What it counts are the bytes of the guest; none of them is lost or written twice when
    /// the sink takes only a part of what they became.
    pub(super) fn write(&mut self, slices: &[IoSlice<'_>], moved: &mut usize, nonblock: bool) -> Result<usize, Stop> {
        let total = total(slices);
        let begin = *moved;
        loop {
            if let Err(stop) = self.flush(nonblock) {
                return if *moved > 0 { partly(stop, *moved) } else { Err(stop) };
            }
            if *moved >= total {
                return Ok(*moved);
            }
            if *moved - begin >= BURST_BYTES {
                return if nonblock { Ok(*moved) } else { Err(Wait::for_others()) };
            }
            let piece = piece(slices, *moved);
            let before = self.filter.clone();
            self.filter.feed(piece, &mut self.pending);
            let becomes = self.pending.len();
            match self.flush(nonblock) {
                Err(stop) if self.pending.len() == becomes => {
                    // None of it was taken: the guest still has it.
                    self.filter = before;
                    self.pending.clear();
                    return if *moved > 0 { partly(stop, *moved) } else { Err(stop) };
                }
                Err(stop) => {
                    *moved += piece.len();
                    return partly(stop, *moved);
                }
                Ok(()) => *moved += piece.len(),
            }
        }
    }

    /// Has the sink take what is pending.
    fn flush(&mut self, nonblock: bool) -> Result<(), Stop> {
        while !self.pending.is_empty() {
            let mut taken = 0;
            let result = self.sink.write(&[IoSlice::new(&self.pending)], &mut taken, nonblock);
            self.pending.drain(..taken);
            result?;
            if taken == 0 {
                return Err(Errno::IO.into());
            }
        }
        Ok(())
    }
}

impl Drop for Inert {
    /// What was held back is not lost, if it can be written without waiting.
    fn drop(&mut self) {
        self.filter.finish(&mut self.pending);
        let _ = self.flush(true);
    }
}

/// What a write returns that has taken some bytes and can't go on now: a guest that waits has not to know, one that does not
/// is told how many, and learns of an error when it writes again.
fn partly(stop: Stop, moved: usize) -> Result<usize, Stop> {
    match stop {
        Stop::Errno(_) => Ok(moved),
        stop => Err(stop),
    }
}

/// Bytes of the guest from `skip` on: some, as long as there are any.
fn piece<'a>(slices: &'a [IoSlice<'_>], mut skip: usize) -> &'a [u8] {
    for slice in slices {
        if skip < slice.len() {
            return &slice[skip..slice.len().min(skip + PIECE_BYTES)];
        }
        skip -= slice.len();
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::super::stdio::{Capture, Output};
    use super::*;
    use std::io::Read;

    fn inert(bytes: &[u8]) -> String {
        let mut filter = Filter::default();
        let mut out = Vec::new();
        filter.feed(bytes, &mut out);
        filter.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_text() {
        let text = "a line\n\ttabs, ümläute, 漢字, 🦀, \u{301}\r\nאבג";
        assert_eq!(inert(text.as_bytes()), text);
        assert_eq!(inert(b""), "");
    }

    #[test]
    fn escape_sequences_are_shown() {
        assert_eq!(inert(b"\x1b[2J\x1b]0;title\x07"), "␛[2J␛]0;title␇");
        assert_eq!(inert(b"\x7f\x00\x08\x0b\x0c"), "␡␀␈␋␌");
        assert_eq!(inert("\u{9b}31m\u{90}\u{85}".as_bytes()), "<U+009B>31m<U+0090><U+0085>");
        assert_eq!(inert(b"\x9b31m \x90"), "\u{fffd}31m \u{fffd}", "one byte that some terminals obey");
        assert_eq!(inert(b"caf\xe9 \xc0\x9b \xe0\x80\x9b"), "caf\u{fffd} \u{fffd}\u{fffd} \u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_line_can_not_be_written_over() {
        assert_eq!(inert(b"granted: no\rgranted: yes\r\n"), "granted: no␍granted: yes\r\n");
        assert_eq!(inert(b"\r\r\n\r"), "␍\r\n␍");
        assert_eq!(inert(b"\r\xff\r\xc3"), "␍\u{fffd}␍\u{fffd}");
    }

    #[test]
    fn text_can_not_be_turned_around() {
        for c in
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".chars()
        {
            assert_eq!(inert(format!("a{c}b").as_bytes()), format!("a<U+{:04X}>b", u32::from(c)));
        }
    }

    #[test]
    fn what_comes_out_is_harmless_whatever_goes_in() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                let shown = inert(&[b'a', first, second, b'z']);
                let harmful = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
                assert!(
                    !shown.contains(harmful) && !shown.replace("\r\n", "").contains('\r'),
                    "{first:#x} {second:#x}"
                );
                assert!(shown.ends_with('z'), "nothing swallows what follows");
            }
        }
    }

    /// Numbers that look random: xorshift.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % bound as u64) as usize
        }

        /// Text of everything that matters, in any order, now and then cut or damaged.
        fn text(&mut self, len: usize) -> Vec<u8> {
            let parts: [&[u8]; 16] = [
                b"plain ",
                b"\r",
                b"\n",
                b"\r\n",
                b"\x1b[1m",
                b"\t",
                "ä".as_bytes(),
                "漢".as_bytes(),
                "🦀".as_bytes(),
                "\u{202e}".as_bytes(),
                "\u{9b}".as_bytes(),
                b"\x9b",
                b"\xe2\x82",
                b"\xf0\x9f",
                b"\xff",
                b"\x7f",
            ];
            let mut text = Vec::new();
            while text.len() < len {
                text.extend_from_slice(parts[self.below(parts.len())]);
            }
            text
        }
    }

    #[test]
    fn it_does_not_matter_how_writes_are_cut() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for round in 0..2000 {
            let len = random.below(200);
            let text = random.text(len);
            let capture = Capture::new(1 << 20);
            let mut sink = Sink::from(Output::Capture(capture.clone()).inert_escapes());
            let mut rest = text.as_slice();
            while !rest.is_empty() {
                let (part, after) = rest.split_at(1 + random.below(rest.len()));
                let (a, b) = part.split_at(random.below(part.len() + 1));
                let slices = [IoSlice::new(a), IoSlice::new(&[]), IoSlice::new(b)];
                assert_eq!(sink.write(&slices, &mut 0, false).unwrap(), part.len());
                rest = after;
            }
            drop(sink);
            assert_eq!(String::from_utf8(capture.contents()).unwrap(), inert(&text), "round {round}: {text:?}");
        }
    }

    /// Reads what there is from a pipe that does not wait.
    fn drain(reader: &mut std::io::PipeReader, shown: &mut Vec<u8>) {
        let _ = reader.read_to_end(shown);
    }

    #[test]
    fn a_host_that_takes_little_loses_and_repeats_nothing() {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        for nonblock in [true, false, true, false] {
            let (mut reader, writer) = std::io::pipe().unwrap();
            rustix::io::ioctl_fionbio(&reader, true).unwrap();
            let mut sink = Sink::from(Output::File(writer.into()).inert_escapes());
            let text = random.text(400_000);
            let mut shown = Vec::new();
            let (mut done, mut refused) = (0, 0);
            while done < text.len() {
                let part = &text[done..text.len().min(done + 1 + random.below(20_000))];
                let mut moved = 0;
                done += loop {
                    match sink.write(&[IoSlice::new(part)], &mut moved, nonblock) {
                        Ok(written) => break written,
                        Err(Stop::Wait(_)) => assert!(!nonblock),
                        Err(Stop::Errno(errno)) => assert!(nonblock && errno == Errno::AGAIN && moved == 0),
                        Err(Stop::Interrupted) => unreachable!(),
                    }
                    refused += 1;
                    let mut buffer = vec![0; 1 + random.below(9_000)];
                    let read = reader.read(&mut buffer).unwrap();
                    shown.extend_from_slice(&buffer[..read]);
                };
                let Sink::Inert(inert) = &sink else { panic!() };
                assert!(inert.pending.is_empty() || nonblock, "a guest that waits has written all of it");
                assert!(inert.pending.len() <= 4 * PIECE_BYTES);
            }
            drain(&mut reader, &mut shown);
            drop(sink);
            drain(&mut reader, &mut shown);
            assert!(refused > 10);
            assert!(shown == inert(&text).into_bytes());
        }
    }

    #[test]
    fn an_error_of_the_host_is_told() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut sink = Sink::from(Output::File(writer.into()).inert_escapes());
        drop(reader);
        for _ in 0..2 {
            let broken = sink.write(&[IoSlice::new(b"x")], &mut 0, false);
            assert!(matches!(broken, Err(Stop::Errno(errno)) if errno == Errno::PIPE), "{broken:?}");
        }
        let capture = Capture::new(5);
        let mut sink = Sink::from(Output::Capture(capture.clone()).inert_escapes());
        assert_eq!(sink.write(&[IoSlice::new(b"a\x1bbc")], &mut 0, false).unwrap(), 4, "what became of it did not fit");
        let full = sink.write(&[IoSlice::new(b"d")], &mut 0, false);
        assert!(matches!(full, Err(Stop::Errno(errno)) if errno == Errno::NOSPC), "{full:?}");
        assert_eq!(capture.contents(), "a␛b".as_bytes());
    }
}
