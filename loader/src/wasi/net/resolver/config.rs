//! What the host knows of names: `/etc/hosts`, and whom it asks: `/etc/resolv.conf`.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

/// Most bytes of either file that are read.
const MAX_BYTES: u64 = 4 << 20;

/// Most servers that are asked, as the C library has it (`MAXNS`).
const MAX_SERVERS: usize = 3;

/// The port of name servers.
const PORT: u16 = 53;

/// The addresses that the host's own table has for a name.
pub(super) fn hosts(name: &str) -> Vec<IpAddr> {
    hosts_in(&read("/etc/hosts"), name)
}

/// The servers that the host asks.
pub(super) fn servers() -> Vec<SocketAddr> {
    servers_in(&read("/etc/resolv.conf"))
}

/// What of a file is text; nothing of one that can't be read.
fn read(path: &str) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        let _ = file.take(MAX_BYTES).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hosts_in(text: &str, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
        let is_meant = |word: &str| word.strip_suffix('.').unwrap_or(word).eq_ignore_ascii_case(name);
        if words.any(is_meant) && found.len() < super::MAX_ADDRESSES {
            found.push(address);
        }
    }
    found
}

fn servers_in(text: &str) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for line in text.lines() {
        let mut words = line.split(['#', ';']).next().unwrap_or_default().split_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        servers.extend(words.next().and_then(server).filter(|_| servers.len() < MAX_SERVERS));
    }
    if servers.is_empty() {
        // As resolv.conf(5) says.
        servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
    }
    servers
}

/// An address, with a zone if it has one: `fe80::1%2`.
fn server(text: &str) -> Option<SocketAddr> {
    match text.split_once('%') {
        None => Some(SocketAddr::new(text.parse().ok()?, PORT)),
        Some((address, zone)) => {
            let index = std::fs::read_to_string(format!("/sys/class/net/{}/ifindex", zone.replace('/', ""))).ok();
            let zone = zone.parse().ok().or_else(|| index?.trim().parse().ok())?;
            Some(SocketAddrV6::new(address.parse().ok()?, PORT, 0, zone).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_own_table_is_read() {
        let text =
            "# 9.9.9.9 a\n127.0.0.1 localhost\n 192.0.2.1\ta.example A2 # b\n2001:db8::1 a.example.\nx a.example\n\n";
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(hosts_in(text, "a.example"), [ip("192.0.2.1"), ip("2001:db8::1")]);
        assert_eq!(hosts_in(text, "a2"), [ip("192.0.2.1")]);
        for name in ["b", "a", "#", "example"] {
            assert_eq!(hosts_in(text, name), [] as [IpAddr; 0], "{name}");
        }
    }

    #[test]
    fn servers_are_read() {
        let text = "nameserver 192.0.2.1 # one\n;nameserver 192.0.2.9\nsearch a.b\nnameserver x\nnameserver 2001:db8::1\nnameserver fe80::1%7\nnameserver 1.1.1.1";
        let servers: Vec<String> = servers_in(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%7]:53"]);
        assert_eq!(servers_in("").len(), 1);
    }
}
