//! What is asked, and what of an answer is one: records of the name that was asked for, or of what it is an alias of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a message's header (RFC 1035, 4.1.1).
const HEADER_BYTES: usize = 12;

/// Fewest bytes of a question and of a record, by which the counts of a message are bounded before it is read.
const QUESTION_BYTES: usize = 5;
const RECORD_BYTES: usize = 11;

/// Most bytes of a name (RFC 1035, 2.3.4), and of one of its labels.
const MAX_NAME: usize = 255;
const MAX_LABEL: usize = 63;

/// The class of the Internet, the only one; and types of records.
const INTERNET: u16 = 1;
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// Longest chain of aliases that is followed.
const MAX_ALIASES: usize = 16;

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// `A`
    V4,
    /// `AAAA`
    V6,
}

impl Family {
    /// Whether the address is of that kind.
    pub(super) fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Family::V4)
    }

    fn record(self) -> u16 {
        match self {
            Family::V4 => A,
            Family::V6 => AAAA,
        }
    }
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The addresses; none if there are none of that kind.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoSuchName,
    /// It does not fit; the same is to be asked by TCP.
    Truncated,
    /// The server does not know, or talks nonsense.
    Useless,
    /// It is no answer to the question.
    Stray,
}

/// The question, as it is sent; `None` for a name that is none.
pub(super) fn question(id: u16, name: &str, family: Family) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + MAX_NAME + 4);
    bytes.extend(id.to_be_bytes());
    // A standard query that asks for recursion, of one question.
    bytes.extend([0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    bytes.extend(wire(name, false)?);
    bytes.extend(family.record().to_be_bytes());
    bytes.extend(INTERNET.to_be_bytes());
    Some(bytes)
}

/// What a message that came says to the question.
pub(super) fn answer(bytes: &[u8], id: u16, name: &str, family: Family) -> Answer {
    let word = |at: usize| bytes.get(at..at + 2).map_or(0, |word| u16::from_be_bytes([word[0], word[1]]));
    if bytes.len() < HEADER_BYTES || word(0) != id || bytes[2] & 0xf8 != 0x80 || word(4) != 1 {
        return Answer::Stray;
    }
    let records = [6, 8, 10].map(|at| usize::from(word(at))).iter().sum::<usize>();
    if HEADER_BYTES + QUESTION_BYTES + records * RECORD_BYTES > bytes.len() && bytes[2] & 0x02 == 0 {
        return Answer::Stray;
    }
    let truncated = bytes[2] & 0x02 != 0;
    let cut;
    let bytes = if truncated {
        // Of what does not fit, the question is all that has to be there.
        cut = [&bytes[..6], &[0; 6], &bytes[HEADER_BYTES..]].concat();
        &cut[..]
    } else {
        bytes
    };
    let mut message = Reader { bytes, at: HEADER_BYTES };
    // The question that was asked comes back with the answer: what does not parse up to there is a stranger's.
    let Some(asked) = message.question() else { return Answer::Useless };
    let Some(name) = wire(name, true).filter(|name| asked == (name.clone(), family.record(), INTERNET)) else {
        return Answer::Stray;
    };
    if truncated {
        return Answer::Truncated;
    }
    let mut answers = Vec::new();
    for _ in 0..word(6) {
        let Some(record) = message.record() else { return Answer::Useless };
        answers.push(record);
    }
    match bytes[3] & 0x0f {
        0 => Answer::Addresses(addresses(&answers, name, family)),
        3 => Answer::NoSuchName,
        _ => Answer::Useless,
    }
}

/// The addresses of the name, or of what it is an alias of, by way of the aliases that the answer has.
fn addresses(answers: &[Record], name: Vec<u8>, family: Family) -> Vec<IpAddr> {
    let mut current = &name;
    for _ in 0..MAX_ALIASES {
        let own = || answers.iter().filter(|record| record.name == *current);
        let found = own().filter_map(|record| match record.says {
            Says::Address(address) if family.has(address) => Some(address),
            _ => None,
        });
        let found: Vec<IpAddr> = found.take(super::MAX_ADDRESSES).collect();
        if !found.is_empty() {
            return found;
        }
        let alias = own().find_map(|record| match &record.says {
            Says::Alias(of) => Some(of),
            _ => None,
        });
        match alias {
            Some(next) => current = next,
            None => break,
        }
    }
    Vec::new()
}

/// A name as messages have it, `lower` for comparisons: labels, each with its length in front, and an empty one; `None` if it
/// is none.
fn wire(name: &str, lower: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        if label.is_empty() || label.len() > MAX_LABEL {
            return None;
        }
        bytes.push(label.len() as u8);
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    if lower {
        bytes.make_ascii_lowercase();
    }
    (bytes.len() <= MAX_NAME).then_some(bytes)
}

/// A record of an answer.
struct Record {
    /// As of [`wire`], in lower case.
    name: Vec<u8>,
    says: Says,
}

/// What a record says.
enum Says {
    Address(IpAddr),
    /// The name that its own is an alias of.
    Alias(Vec<u8>),
    /// Nothing that was asked.
    Other,
}

/// A message that is read from somewhere on. Nothing that is read leads outside, or on without end.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn word(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// A name, in lower case. The rest of one may lie further to the front, where a pointer says so (RFC 1035, 4.1.4).
    fn name(&mut self) -> Option<Vec<u8>> {
        let mut name = Vec::new();
        // Each pointer leads to before where the one before it led to, so there is an end.
        let mut front = self.at;
        let mut behind = None;
        loop {
            let length = usize::from(self.take(1)?[0]);
            match length {
                0 => break,
                1..=MAX_LABEL => {
                    name.push(length as u8);
                    name.extend(self.take(length)?);
                    if name.len() >= MAX_NAME {
                        return None;
                    }
                }
                0xc0.. => {
                    let to = (length & 0x3f) << 8 | usize::from(self.take(1)?[0]);
                    if to >= front {
                        return None;
                    }
                    front = to;
                    behind.get_or_insert(self.at);
                    self.at = to;
                }
                _ => return None,
            }
        }
        self.at = behind.unwrap_or(self.at);
        name.push(0);
        // Lengths are no letters.
        name.make_ascii_lowercase();
        Some(name)
    }

    /// The name that is asked for, the type of record, and the class.
    fn question(&mut self) -> Option<(Vec<u8>, u16, u16)> {
        Some((self.name()?, self.word()?, self.word()?))
    }

    fn record(&mut self) -> Option<Record> {
        let name = self.name()?;
        let (kind, class) = (self.word()?, self.word()?);
        // How long it may be kept is of no interest: it is used once.
        self.take(4)?;
        let length = usize::from(self.word()?);
        let begin = self.at;
        let data = self.take(length)?;
        let says = match (class, kind) {
            (INTERNET, A) => Says::Address(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into()),
            (INTERNET, AAAA) => Says::Address(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into()),
            (INTERNET, CNAME) => {
                let mut alias = Reader { bytes: self.bytes, at: begin };
                let name = alias.name()?;
                if alias.at != self.at {
                    return None;
                }
                Says::Alias(name)
            }
            _ => Says::Other,
        };
        Some(Record { name, says })
    }
}
