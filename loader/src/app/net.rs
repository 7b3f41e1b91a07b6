//! Network capabilities: laid out, derived and checked; not yet enforced, so the loader refuses to run what holds one.

use super::cap::{Widening, list};
use std::fmt;
use std::net::IpAddr;

/// Which hosts: a name, all names below a domain (`*.example.org`), an address, or all (`*`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// Every host.
    Any,
    /// Every name that ends in this, with at least one label in front.
    Below(String),
    /// This name.
    Name(String),
    /// This address.
    Address(IpAddr),
}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<HostPattern, &'static str> {
        if text == "*" {
            return Ok(HostPattern::Any);
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            // ::ffff:10.0.0.1 is 10.0.0.1.
            return Ok(HostPattern::Address(address.to_canonical()));
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        if name.len() > 253 || !name.strip_suffix('.').unwrap_or(name).split('.').all(label) {
            return Err("it is no name of a host, address, `*.domain` or `*`");
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        Ok(if below { HostPattern::Below(name) } else { HostPattern::Name(name) })
    }

    /// Whether every host that `other` means is meant by this too.
    pub fn covers(&self, other: &HostPattern) -> bool {
        let below = |domain: &str, name: &str| name.strip_suffix(domain).is_some_and(|front| front.ends_with('.'));
        match (self, other) {
            (HostPattern::Any, _) => true,
            (HostPattern::Below(own), HostPattern::Below(other)) => own == other || below(own, other),
            (HostPattern::Below(own), HostPattern::Name(other)) => below(own, other),
            (HostPattern::Name(own), HostPattern::Name(other)) => own == other,
            (HostPattern::Address(own), HostPattern::Address(other)) => own == other,
            _ => false,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Any => f.write_str("*"),
            HostPattern::Below(domain) => write!(f, "*.{domain}"),
            HostPattern::Name(name) => f.write_str(name),
            HostPattern::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            HostPattern::Address(address) => write!(f, "{address}"),
        }
    }
}

/// Hosts and ports: `api.example.org:443`, `*:1000-2000`, `10.0.0.1:*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Which hosts.
    pub host: HostPattern,
    /// The first and the last port.
    pub ports: (u16, u16),
}

impl Endpoint {
    /// Reads `HOST:PORT`, `HOST:FIRST-LAST` or `HOST:*`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Endpoint, &'static str> {
        let (host, ports) = text.rsplit_once(':').ok_or("it wants HOST:PORT, HOST:FIRST-LAST or HOST:*")?;
        let port = |text: &str| text.parse::<u16>().map_err(|_| "a port is a number from 0 to 65535");
        let ports = match ports.split_once('-') {
            _ if ports == "*" => (0, u16::MAX),
            Some((first, last)) => (port(first)?, port(last)?),
            None => (port(ports)?, port(ports)?),
        };
        if ports.0 > ports.1 {
            return Err("the first port is greater than the last");
        }
        Ok(Endpoint { host: HostPattern::parse(host)?, ports })
    }

    fn covers(&self, other: &Endpoint) -> bool {
        self.host.covers(&other.host) && self.ports.0 <= other.ports.0 && other.ports.1 <= self.ports.1
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ports {
            (0, u16::MAX) => write!(f, "{}:*", self.host),
            (first, last) if first == last => write!(f, "{}:{first}", self.host),
            (first, last) => write!(f, "{}:{first}-{last}", self.host),
        }
    }
}

/// Addresses by prefix, as `10.0.0.0/8`; or a name for several: `private`, `loopback`, `link-local`, `metadata`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deny(String);

impl Deny {
    /// Reads a range.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Deny, &'static str> {
        if matches!(text, "private" | "loopback" | "link-local" | "metadata") {
            return Ok(Deny(text.to_owned()));
        }
        let wrong = "it is none of `private`, `loopback`, `link-local`, `metadata`, and no ADDRESS/BITS";
        let (address, bits) = text.split_once('/').ok_or(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        match bits.parse::<u8>() {
            Ok(bits) if bits <= most => Ok(Deny(format!("{address}/{bits}"))),
            _ => Err(wrong),
        }
    }
}

impl fmt::Display for Deny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Connections or datagrams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Net {
    /// Where to.
    pub connect: Vec<Endpoint>,
    /// Where on.
    pub listen: Vec<Endpoint>,
    /// Addresses that are refused all the same.
    pub deny: Vec<Deny>,
    /// Connections at once; `None`: unlimited.
    pub max_connections: Option<u32>,
    /// Bytes sent and received; `None`: unlimited.
    pub max_bytes: Option<u64>,
}

/// How an edge narrows [`Net`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetAttenuation {
    /// Where to.
    pub connect: Option<Vec<Endpoint>>,
    /// Where on.
    pub listen: Option<Vec<Endpoint>>,
    /// Addresses that are refused besides those that are refused already.
    pub deny: Vec<Deny>,
    /// Connections at once.
    pub max_connections: Option<u32>,
    /// Bytes sent and received.
    pub max_bytes: Option<u64>,
}

impl Net {
    /// Whether `other` is this or less.
    pub fn covers(&self, other: &Net) -> bool {
        let within = |own: &[Endpoint], other: &[Endpoint]| other.iter().all(|e| own.iter().any(|o| o.covers(e)));
        let limit =
            |own: Option<u64>, other: Option<u64>| own.is_none_or(|own| other.is_some_and(|other| other <= own));
        within(&self.connect, &other.connect)
            && within(&self.listen, &other.listen)
            && self.deny.iter().all(|range| other.deny.contains(range))
            && limit(self.max_connections.map(u64::from), other.max_connections.map(u64::from))
            && limit(self.max_bytes, other.max_bytes)
    }

    /// This, narrowed.
    pub(super) fn derive(&self, asked: &NetAttenuation) -> Result<Net, Widening> {
        let endpoints = |field, held: &[Endpoint], asked: &Option<Vec<Endpoint>>| match asked {
            None => Ok(held.to_vec()),
            Some(asked) => match asked.iter().find(|e| !held.iter().any(|o| o.covers(e))) {
                None => Ok(asked.clone()),
                Some(excess) => {
                    let held: Vec<String> = held.iter().map(Endpoint::to_string).collect();
                    let held: Vec<&str> = held.iter().map(String::as_str).collect();
                    Err(Widening::field(field, excess, list(&held)))
                }
            },
        };
        let mut deny = self.deny.clone();
        deny.extend(asked.deny.iter().filter(|range| !self.deny.contains(range)).cloned());
        let max_connections = match (asked.max_connections, self.max_connections) {
            (Some(asked), Some(held)) if asked > held => return Err(Widening::field("max_conns", asked, held)),
            (asked, held) => asked.or(held),
        };
        let max_bytes = match (asked.max_bytes, self.max_bytes) {
            (Some(asked), Some(held)) if asked > held => return Err(Widening::field("max_bytes", asked, held)),
            (asked, held) => asked.or(held),
        };
        Ok(Net {
            connect: endpoints("connect", &self.connect, &asked.connect)?,
            listen: endpoints("listen", &self.listen, &asked.listen)?,
            deny,
            max_connections,
            max_bytes,
        })
    }
}

/// Names that may be looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// Patterns.
    pub allow: Vec<HostPattern>,
}

impl Dns {
    /// Whether `other` is this or less.
    pub fn covers(&self, other: &Dns) -> bool {
        other.allow.iter().all(|name| self.allow.iter().any(|own| own.covers(name)))
    }

    /// This, narrowed.
    pub(super) fn derive(&self, asked: Option<&[HostPattern]>) -> Result<Dns, Widening> {
        let Some(asked) = asked else { return Ok(self.clone()) };
        match asked.iter().find(|name| !self.allow.iter().any(|own| own.covers(name))) {
            None => Ok(Dns { allow: asked.to_vec() }),
            Some(excess) => {
                let held: Vec<String> = self.allow.iter().map(HostPattern::to_string).collect();
                let held: Vec<&str> = held.iter().map(String::as_str).collect();
                Err(Widening::field("allow", excess, list(&held)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostPattern {
        HostPattern::parse(text).unwrap()
    }

    #[test]
    fn a_pattern_covers_what_it_says() {
        for (own, other, covered) in [
            ("*", "example.org", true),
            ("*.example.org", "a.example.org", true),
            ("*.example.org", "a.b.Example.ORG.", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", "badexample.org", false),
            ("*.example.org", "*.a.example.org", true),
            ("*.a.example.org", "*.example.org", false),
            ("example.org", "example.org", true),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("example.org", "*", false),
        ] {
            assert_eq!(host(own).covers(&host(other)), covered, "{own} {other}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "a b", "*.", "*a.org", "a..b", "-/x", "ä.org", "[::1", "a:b"] {
            assert!(HostPattern::parse(text).is_err(), "{text:?}");
        }
        for text in ["example.org", "example.org:", "example.org:x", "example.org:9-3", "example.org:65536"] {
            assert!(Endpoint::parse(text).is_err(), "{text:?}");
        }
        for text in ["", "10.0.0.0", "10.0.0.0/33", "all", "::/129"] {
            assert!(Deny::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ports_are_ranges() {
        let endpoint = |text| Endpoint::parse(text).unwrap();
        assert!(endpoint("*:*").covers(&endpoint("a:1-2")));
        assert!(endpoint("a:1-9").covers(&endpoint("a:3-9")));
        assert!(!endpoint("a:1-9").covers(&endpoint("a:3-10")));
        assert_eq!(endpoint("[::1]:80").to_string(), "[::1]:80");
    }

    #[test]
    fn denied_ranges_only_grow() {
        let held = Net { deny: vec![Deny::parse("private").unwrap()], ..Net::default() };
        let asked = NetAttenuation { deny: vec![Deny::parse("10.1.0.0/16").unwrap()], ..NetAttenuation::default() };
        let derived = held.derive(&asked).unwrap();
        assert_eq!(derived.deny.len(), 2);
        assert!(held.covers(&derived) && !derived.covers(&held));
    }
}
