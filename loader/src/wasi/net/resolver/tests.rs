//! A server that answers what it should not.

use super::message::{Answer, answer, question};
use super::*;
use simple_dns::rdata::{A, AAAA, CNAME, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, ResourceRecord};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An answer to a question, with records.
fn reply(asked: &[u8], records: &[(&str, RData<'static>)]) -> Vec<u8> {
    let asked = Packet::parse(asked).unwrap();
    let mut packet = Packet::new_reply(asked.id());
    packet.questions.extend(asked.questions.iter().cloned());
    for (name, data) in records {
        let name = Name::new(name).unwrap().into_owned();
        packet.answers.push(ResourceRecord::new(name, CLASS::IN, 60, data.clone()));
    }
    packet.build_bytes_vec().unwrap()
}

fn a(text: &str) -> RData<'static> {
    RData::A(A { address: text.parse::<Ipv4Addr>().unwrap().to_bits() })
}

fn alias(name: &'static str) -> RData<'static> {
    RData::CNAME(CNAME(Name::new(name).unwrap()))
}

fn is_v6(asked: &[u8]) -> bool {
    asked[asked.len() - 3] == 28
}

/// A server on a port of its own, that counts what reaches it; the answers to each question are `answers`'.
fn serve(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            counted.fetch_add(1, Ordering::SeqCst);
            for answer in answers(&buffer[..len]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    (address, count)
}

fn look_up(name: &str, servers: &[SocketAddr]) -> Result<Vec<IpAddr>, Errno> {
    let mut lookup = Lookup::begin(name, servers);
    loop {
        match lookup.step() {
            Ok(found) => return Ok(found),
            Err(Stop::Errno(errno)) => return Err(errno),
            Err(Stop::Wait(wait)) => wait.sleep(None)?,
            Err(Stop::Interrupted) => unreachable!("nobody interrupts"),
        }
    }
}

fn texts(found: &[IpAddr]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn both_kinds_of_addresses_come_in_turns() {
    let (server, count) = serve(|asked| {
        let six = |n| RData::AAAA(AAAA { address: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).to_bits() });
        let records = match is_v6(asked) {
            true => vec![("A.example", six(1))],
            false => vec![("a.example", a("192.0.2.1")), ("a.example", a("192.0.2.2"))],
        };
        vec![reply(asked, &records)]
    });
    assert_eq!(texts(&look_up("a.example", &[server]).unwrap()), ["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn answers_to_other_questions_are_none() {
    let (server, _) = serve(|asked| {
        let good = reply(asked, &[("a.example", a("192.0.2.1")), ("b.example", a("10.0.0.1"))]);
        let mut other_id = reply(asked, &[("a.example", a("10.0.0.2"))]);
        other_id[0] ^= 1;
        let elsewhere = question(u16::from_be_bytes([asked[0], asked[1]]), "b.example", Family::V4).unwrap();
        let other_name = reply(&elsewhere, &[("b.example", a("10.0.0.3")), ("a.example", a("10.0.0.4"))]);
        vec![other_id, other_name, asked.to_vec(), vec![], vec![0; 5], good]
    });
    assert_eq!(texts(&look_up("a.example", &[server]).unwrap()), ["192.0.2.1"]);
}

#[test]
fn aliases_are_followed_and_end() {
    let (server, _) = serve(|asked| {
        vec![reply(
            asked,
            &[("a.example", alias("b.example")), ("b.example", alias("C.example")), ("c.example", a("10.0.0.1"))],
        )]
    });
    assert_eq!(texts(&look_up("a.example", &[server]).unwrap()), ["10.0.0.1"]);
    let (server, _) =
        serve(|asked| vec![reply(asked, &[("a.example", alias("b.example")), ("b.example", alias("a.example"))])]);
    assert_eq!(look_up("a.example", &[server]), Err(Errno::NOENT));
}

#[test]
fn the_next_server_is_asked_when_one_is_of_no_use() {
    let (useless, _) = serve(|asked| {
        let mut refused = reply(asked, &[]);
        refused[3] |= 5;
        vec![refused]
    });
    let (good, _) = serve(|asked| vec![reply(asked, &[("a.example", a("192.0.2.1"))])]);
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(texts(&look_up("a.example", &[useless, closed, good]).unwrap()), ["192.0.2.1"]);
    let (nobody, count) = serve(|asked| {
        let mut none = reply(asked, &[]);
        none[3] |= 3;
        vec![none]
    });
    assert_eq!(look_up("a.example", &[nobody, good]), Err(Errno::NOENT), "there is no such name: nobody else is asked");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn what_does_not_fit_comes_by_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let asked = Packet::parse(&buffer[..len]).unwrap();
            let mut packet = Packet::new_reply(asked.id());
            packet.questions.extend(asked.questions.iter().cloned());
            packet.set_flags(PacketFlag::TRUNCATION);
            let _ = socket.send_to(&packet.build_bytes_vec().unwrap(), from);
        }
    });
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut len = [0; 2];
            stream.read_exact(&mut len).unwrap();
            let mut asked = vec![0; usize::from(u16::from_be_bytes(len))];
            stream.read_exact(&mut asked).unwrap();
            let many: Vec<_> = (1..=100).map(|n| ("a.example", a(&format!("192.0.2.{n}")))).collect();
            let answer = reply(&asked, &many);
            for byte in [&(answer.len() as u16).to_be_bytes()[..], &answer].concat() {
                let _ = stream.write_all(&[byte]);
            }
        }
    });
    assert_eq!(look_up("a.example", &[address]).unwrap().len(), MAX_ADDRESSES, "and no more than so many");
}

/// A generator of the same numbers every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Whatever comes, it is read in bounded time, and without a panic.
#[test]
fn hostile_messages_do_no_harm() {
    let asked = question(7, "a.example", Family::V4).unwrap();
    let good =
        reply(&asked, &[("a.example", alias("b.example")), ("b.example", a("10.0.0.1")), ("b.example", a("10.0.0.2"))]);
    assert_eq!(
        answer(&good, 7, "a.example", Family::V4),
        Answer::Addresses(vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()])
    );
    let mut dice = Dice(3);
    for _ in 0..200_000 {
        let mut bytes = good.clone();
        for _ in 0..1 + dice.roll(6) {
            let at = 2 + dice.roll(bytes.len() - 2);
            bytes[at] = dice.roll(256) as u8;
        }
        bytes.truncate(dice.roll(bytes.len() * 2));
        answer(&bytes, 7, "a.example", Family::V4);
    }
    for _ in 0..50_000 {
        let mut bytes: Vec<u8> = (0..dice.roll(300)).map(|_| dice.roll(256) as u8).collect();
        let front = &asked[..asked.len().min(bytes.len())];
        bytes[..front.len()].copy_from_slice(front);
        if bytes.len() > 12 {
            bytes[2] = 0x80;
            bytes[7] = dice.roll(10) as u8;
            bytes[9] = dice.roll(3) as u8;
            bytes[11] = dice.roll(3) as u8;
        }
        answer(&bytes, 7, "a.example", Family::V4);
    }
    // Counts that are a lie, and names that point at themselves.
    let mut bytes = good.clone();
    bytes[6..12].fill(0xff);
    assert_eq!(answer(&bytes, 7, "a.example", Family::V4), Answer::Stray);
    let mut bytes = asked.clone();
    bytes[2] = 0x80;
    bytes[7] = 1;
    let at = bytes.len() as u16;
    bytes.extend((0xc000 | at).to_be_bytes());
    bytes.extend([0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]);
    assert_eq!(answer(&bytes, 7, "a.example", Family::V4), Answer::Useless);
}

#[test]
fn names_are_read_as_somebody_else_writes_them() {
    for (name, is) in [("a", true), ("example.com", true), ("", false), ("a..b", false), (".a", false), ("a.", false)] {
        assert_eq!(question(1, name, Family::V4).is_some(), is, "{name:?}");
    }
    let long = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
    assert!(
        question(1, &"a".repeat(64), Family::V4).is_none() && question(1, &format!("{long}d"), Family::V4).is_none()
    );
    for name in ["a", "example.com", &long] {
        let bytes = question(7, name, Family::V6).unwrap();
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!((packet.id(), packet.questions[0].qname.to_string()), (7, name.to_owned()));
        assert!(packet.has_flags(PacketFlag::RECURSION_DESIRED));
        let reply = reply(&bytes, &[(name, RData::AAAA(AAAA { address: 1 }))]);
        assert_eq!(answer(&reply, 7, name, Family::V6), Answer::Addresses(vec![Ipv6Addr::LOCALHOST.into()]));
    }
}

#[test]
fn names_that_lead_forward_in_circles_or_outside_are_useless() {
    let asked = question(7, "a.example", Family::V4).unwrap();
    let whole = reply(&asked, &[("a.example", a("192.0.2.1"))]);
    let behind = asked.len();
    let with = |name: &[u8], data: &[u8]| {
        let mut message = whole[..behind].to_vec();
        message.extend(name);
        message.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
        message.extend(data);
        answer(&message, 7, "a.example", Family::V4)
    };
    let address = Answer::Addresses(vec!["192.0.2.1".parse().unwrap()]);
    assert_eq!(with(&[0xc0, 12], &[192, 0, 2, 1]), address);
    assert_eq!(with(&[1, b'A', 0xc0, 14], &[192, 0, 2, 1]), address, "a part of the name, and letters of any size");
    let here = behind as u8;
    let chain: Vec<u8> = (0..130).flat_map(|_| [1, b'a']).chain([0]).collect();
    for (name, data) in [
        (&[0xc0, here][..], &[192, 0, 2, 1][..]),
        (&[0xc0, here + 2], &[192, 0, 2, 1]),
        (&[1, b'a', 0xc0, here], &[192, 0, 2, 1]),
        (&[0xff, 0xff], &[192, 0, 2, 1]),
        (&[0x40, b'a', 0], &[192, 0, 2, 1]),
        (&[0x80, 12], &[192, 0, 2, 1]),
        (&[0xc0, 12], &[192, 0, 2]),
        (&[0xc0, 12], &[192, 0, 2, 1, 0]),
        (&chain, &[192, 0, 2, 1]),
    ] {
        assert_eq!(with(name, data), Answer::Useless, "{name:?}");
    }
}
