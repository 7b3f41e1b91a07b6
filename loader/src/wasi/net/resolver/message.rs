//! What is asked, and what of an answer is one: records of the name that was asked for, or of what it is an alias of.

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a message's header (RFC 1035, 4.1.1).
const HEADER_BYTES: usize = 12;

/// Fewest bytes of a question and of a record, by which the counts of a message are bounded before it is read.
const QUESTION_BYTES: usize = 5;
const RECORD_BYTES: usize = 11;

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

    fn record(self) -> TYPE {
        match self {
            Family::V4 => TYPE::A,
            Family::V6 => TYPE::AAAA,
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
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let (kind, class) = (QTYPE::TYPE(family.record()), QCLASS::CLASS(CLASS::IN));
    packet.questions.push(Question::new(Name::new(name).ok()?, kind, class, false));
    packet.build_bytes_vec().ok()
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
    // The question that was asked comes back with the answer: what does not parse up to there is a stranger's.
    let Ok(packet) = Packet::parse(bytes) else { return Answer::Useless };
    let [asked] = &packet.questions[..] else { return Answer::Stray };
    let same_type = matches!(asked.qtype, QTYPE::TYPE(kind) if kind == family.record());
    if !same_type || asked.qclass != QCLASS::CLASS(CLASS::IN) || !is(&asked.qname, name) {
        return Answer::Stray;
    }
    if truncated {
        return Answer::Truncated;
    }
    match packet.rcode() {
        RCODE::NoError => Answer::Addresses(addresses(&packet, name, family)),
        RCODE::NameError => Answer::NoSuchName,
        _ => Answer::Useless,
    }
}

/// The addresses of the name, or of what it is an alias of, by way of the aliases that the answer has.
fn addresses(packet: &Packet<'_>, name: &str, family: Family) -> Vec<IpAddr> {
    let mut current = labels(name);
    for _ in 0..MAX_ALIASES {
        let own =
            || packet.answers.iter().filter(|record| record.class == CLASS::IN && is_labels(&record.name, &current));
        let found: Vec<IpAddr> = own()
            .filter_map(|record| match (&record.rdata, family) {
                (RData::A(a), Family::V4) => Some(IpAddr::V4(Ipv4Addr::from_bits(a.address))),
                (RData::AAAA(a), Family::V6) => Some(IpAddr::V6(Ipv6Addr::from_bits(a.address))),
                _ => None,
            })
            .take(super::MAX_ADDRESSES)
            .collect();
        if !found.is_empty() {
            return found;
        }
        let alias = own().find_map(|record| match &record.rdata {
            RData::CNAME(alias) => Some(alias.0.as_bytes().map(<[u8]>::to_ascii_lowercase).collect()),
            _ => None,
        });
        match alias {
            Some(next) => current = next,
            None => break,
        }
    }
    Vec::new()
}

fn labels(name: &str) -> Vec<Vec<u8>> {
    name.split('.').map(|label| label.to_ascii_lowercase().into_bytes()).collect()
}

fn is(found: &Name<'_>, name: &str) -> bool {
    is_labels(found, &labels(name))
}

fn is_labels(found: &Name<'_>, labels: &[Vec<u8>]) -> bool {
    let mut found = found.as_bytes();
    let same = labels.iter().all(|label| found.next().is_some_and(|own| own.eq_ignore_ascii_case(label)));
    same && found.next().is_none()
}
