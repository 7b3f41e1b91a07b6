//! What a grant of the network allows: patterns of hosts and ports, addresses that are refused all the same, limits.
//!
//! Two ways lead to an address. Who names it **literally** (`10.0.0.1:80`, `10.0.0.0/8:*`, `localhost:80`) means that very
//! address; a range means those of its addresses that are denied for nothing more special than itself, so `0.0.0.0/0` is
//! no name of 127.0.0.1, nor `169.254.0.0/16` of 169.254.169.254. Who names a **name** or a pattern leaves the address to whoever answers for the name, so unless the grant says
//! otherwise ([`Deny::Default`]) it is none of the addresses that are somebody's own network. Ranges that a grant denies
//! explicitly are refused to both.

use super::address::{Deny, Range, default_ranges, forms};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The name that means the loopback addresses, and is never looked up (RFC 6761).
const LOCALHOST: &str = "localhost";

/// The addresses of `localhost`, in the order in which they are tried.
pub const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// The longest name, in characters (RFC 1035).
const MAX_NAME: usize = 253;

/// Which hosts: a name, all names below a domain (`*.example.org`), an address, a range of addresses, or all (`*`).
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
    /// These addresses.
    Range(Range),
}

/// Reads a name: letters, digits, `-` and `_` in labels of at most 63, in lower case and without the dot at the end. A text
/// whose last label is a number is none: some would take it for an address.
fn name(text: &str) -> Option<String> {
    let bare = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(known)
    };
    let last = bare.rsplit('.').next().unwrap_or(bare);
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let number = last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    (bare.len() <= MAX_NAME && bare.split('.').all(label) && !number).then(|| bare.to_ascii_lowercase())
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
        if let Some(range) = Range::parse(text) {
            return Ok(range.single().map_or(HostPattern::Range(range), HostPattern::Address));
        }
        let (below, text) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let name = name(text).ok_or("it is no name of a host, address, ADDRESS/BITS, `*.domain` or `*`")?;
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
            (HostPattern::Name(own), HostPattern::Address(other)) => own == LOCALHOST && LOOPBACK.contains(other),
            (HostPattern::Address(own), HostPattern::Address(other)) => own == other,
            (HostPattern::Range(own), HostPattern::Address(other)) => own.contains(*other),
            (HostPattern::Range(own), HostPattern::Range(other)) => own.covers(*other),
            _ => false,
        }
    }

    /// Whether a grant of this leads to an address that a grant of `own`, which covers it, is denied by default.
    fn escapes(&self, own: &HostPattern) -> bool {
        let denied = default_ranges();
        self.literal().iter().any(|asked| match (own, asked.single()) {
            (HostPattern::Range(range), Some(address)) => !names(*range, address),
            (HostPattern::Range(range), None) => {
                denied.iter().any(|denied| denied.covers(*asked) && !denied.covers(*range))
            }
            (HostPattern::Any, Some(address)) => {
                forms(address).iter().any(|form| denied.iter().any(|denied| denied.contains(*form)))
            }
            (HostPattern::Any, None) => denied.iter().any(|denied| denied.meets(*asked)),
            _ => false,
        })
    }

    /// The addresses that it names literally.
    fn literal(&self) -> Vec<Range> {
        match self {
            HostPattern::Address(address) => vec![Range::of(*address)],
            HostPattern::Range(range) => vec![*range],
            HostPattern::Name(name) if name == LOCALHOST => LOOPBACK.map(Range::of).to_vec(),
            _ => Vec::new(),
        }
    }
}

/// Whether who names a range names this address of it literally: each range of those that are denied by default has all of
/// it, if it has the address in any of its forms. Of a wider range nobody says that that address was meant.
fn names(range: Range, address: IpAddr) -> bool {
    let denied = default_ranges();
    let has = |denied: &&Range| forms(address).iter().any(|form| denied.contains(*form));
    denied.iter().filter(has).all(|denied| denied.covers(range))
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Any => f.write_str("*"),
            HostPattern::Below(domain) => write!(f, "*.{domain}"),
            HostPattern::Name(name) => f.write_str(name),
            HostPattern::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            HostPattern::Address(address) => write!(f, "{address}"),
            HostPattern::Range(range) => range.fmt(f),
        }
    }
}

/// Hosts and ports: `api.example.org:443`, `*:1000-2000`, `10.0.0.1:*`, `10.0.0.0/8:443`.
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
        if host.contains(':') && !host.starts_with('[') && !host.contains('/') {
            return Err("an address with colons wants brackets: [::1]:80");
        }
        Ok(Endpoint { host: HostPattern::parse(host)?, ports })
    }

    /// Whether every host and port that `other` means is meant by this too.
    pub fn covers(&self, other: &Endpoint) -> bool {
        self.host.covers(&other.host) && self.ports.0 <= other.ports.0 && other.ports.1 <= self.ports.1
    }

    /// Where to listen from the beginning, if it says one place: a literal address and one port.
    pub fn address(&self) -> Option<SocketAddr> {
        let HostPattern::Address(address) = self.host else { return None };
        (self.ports.0 == self.ports.1).then(|| SocketAddr::new(address, self.ports.0))
    }

    fn has(&self, port: u16) -> bool {
        (self.ports.0..=self.ports.1).contains(&port)
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

/// A host as a guest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// By its address.
    Address(IpAddr),
    /// By its name, in lower case.
    Name(String),
}

impl Host {
    /// Reads an address or a name; `None` for what is neither, as `0x7f.1` or `2130706433`.
    pub fn parse(text: &str) -> Option<Host> {
        match text.parse::<IpAddr>() {
            Ok(address) => Some(Host::Address(address.to_canonical())),
            Err(_) => name(text).map(Host::Name),
        }
    }

    /// The addresses of a name that is not looked up.
    pub fn known(&self) -> Option<Vec<IpAddr>> {
        match self {
            Host::Address(address) => Some(vec![*address]),
            Host::Name(name) if name == LOCALHOST => Some(LOOPBACK.to_vec()),
            Host::Name(_) => None,
        }
    }
}

/// How a host was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By its address.
    Literal,
    /// By its very name.
    Name,
    /// By a pattern: which host it is, the guest chose.
    Pattern,
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

impl Net {
    /// Whether what is denied by default is denied.
    pub fn denies_by_default(&self) -> bool {
        self.deny.contains(&Deny::Default)
    }

    fn denied(&self) -> Vec<Range> {
        self.deny.iter().flat_map(Deny::ranges).collect()
    }

    /// Whether all that is denied by this is denied by `other`.
    fn denied_by(&self, other: &Net) -> bool {
        let theirs = other.denied();
        let within = |range: &Range| theirs.iter().any(|denied| denied.covers(*range));
        self.denied().iter().all(within)
            && (!self.denies_by_default() || other.denies_by_default() || default_ranges().iter().all(within))
    }

    /// Whether an endpoint is one of those that it connects to, and stays as narrow: addresses that a pattern or a range
    /// means, and that are denied to it by default, can't be named literally by somebody below.
    pub fn may_connect(&self, other: &Endpoint) -> bool {
        let escapes = |own: &Endpoint| self.denies_by_default() && other.host.escapes(&own.host);
        self.connect.iter().any(|own| own.covers(other) && !escapes(own))
    }

    /// Whether an endpoint is one of those that it listens on.
    pub fn may_listen(&self, other: &Endpoint) -> bool {
        self.listen.iter().any(|own| own.covers(other))
    }

    /// Whether `other` is this or less.
    pub fn covers(&self, other: &Net) -> bool {
        let limit =
            |own: Option<u64>, other: Option<u64>| own.is_none_or(|own| other.is_some_and(|other| other <= own));
        other.connect.iter().all(|endpoint| self.may_connect(endpoint))
            && other.listen.iter().all(|endpoint| self.may_listen(endpoint))
            && self.denied_by(other)
            && limit(self.max_connections.map(u64::from), other.max_connections.map(u64::from))
            && limit(self.max_bytes, other.max_bytes)
    }

    /// How it grants connecting to a host, if it does; the strongest way first.
    pub fn way(&self, host: &Host, port: u16) -> Option<Way> {
        let ways = self.connect.iter().filter(|endpoint| endpoint.has(port)).filter_map(|endpoint| match host {
            Host::Address(address) => {
                let asked = HostPattern::Address(*address);
                endpoint.host.covers(&asked).then_some(match endpoint.host {
                    HostPattern::Any => Way::Pattern,
                    HostPattern::Range(range) if !names(range, *address) => Way::Pattern,
                    _ => Way::Literal,
                })
            }
            Host::Name(name) => {
                let asked = HostPattern::Name(name.clone());
                endpoint.host.covers(&asked).then_some(match endpoint.host {
                    HostPattern::Name(_) if name == LOCALHOST => Way::Literal,
                    HostPattern::Name(_) => Way::Name,
                    _ => Way::Pattern,
                })
            }
        });
        ways.min_by_key(|way| *way as u8)
    }

    /// Whether an address may be reached that was come to in this way.
    pub fn admits(&self, address: IpAddr, way: Way) -> bool {
        let mut denied = self.denied();
        if way != Way::Literal && self.denies_by_default() {
            denied.extend(default_ranges());
        }
        !forms(address).iter().any(|form| denied.iter().any(|range| range.contains(*form)))
    }

    /// Whether it grants listening there. Port 0 is any: it wants a grant of all that the system may choose.
    pub fn listens(&self, address: IpAddr, port: u16) -> bool {
        let asked = HostPattern::Address(address.to_canonical());
        let ports = if port == 0 { (0, u16::MAX) } else { (port, port) };
        let chosen_by_system = |endpoint: &&Endpoint| endpoint.ports == (0, 0) && port == 0;
        let asked = Endpoint { host: asked, ports };
        self.listen.iter().any(|endpoint| {
            endpoint.covers(&asked) || (chosen_by_system(&endpoint) && endpoint.host.covers(&asked.host))
        })
    }
}

/// Names that may be looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// Patterns.
    pub allow: Vec<HostPattern>,
    /// Who is asked; none: whom the host asks.
    pub servers: Vec<SocketAddr>,
}

impl Dns {
    /// Whether `other` is this or less.
    pub fn covers(&self, other: &Dns) -> bool {
        self.servers == other.servers && other.allow.iter().all(|name| self.allow.iter().any(|own| own.covers(name)))
    }

    /// Whether the name may be looked up.
    pub fn allows(&self, name: &str) -> bool {
        let asked = HostPattern::Name(name.to_owned());
        self.allow.iter().any(|own| own.covers(&asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostPattern {
        HostPattern::parse(text).unwrap()
    }

    fn net(connect: &[&str], deny: &[&str]) -> Net {
        Net {
            connect: connect.iter().map(|text| Endpoint::parse(text).unwrap()).collect(),
            deny: deny.iter().map(|text| Deny::parse(text).unwrap()).collect(),
            ..Net::default()
        }
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
            ("10.0.0.0/8", "10.0.0.2", true),
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.0.0.0/8", "11.0.0.2", false),
            ("10.0.0.0/8", "example.org", false),
            ("localhost", "127.0.0.1", true),
            ("localhost", "127.0.0.2", false),
            ("127.0.0.1", "localhost", false),
            ("example.org", "*", false),
        ] {
            assert_eq!(host(own).covers(&host(other)), covered, "{own} {other}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let numbers = ["0x7f.1", "2130706433", "017700000001", "127.1", "0x7f000001", "127.0.0.01", "1.2.3.4.5", "0x"];
        for text in
            ["", "a b", "*.", "*a.org", "a..b", "-/x", "ä.org", "[::1", "a:b", "fe80::1%eth0"].iter().chain(&numbers)
        {
            assert!(HostPattern::parse(text).is_err(), "{text:?}");
            assert_eq!(Host::parse(text), None, "{text:?}");
        }
        for text in ["example.org", "example.org:", "example.org:x", "example.org:9-3", "example.org:65536", "::1:80"] {
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
        assert_eq!(endpoint("10.0.0.0/8:443").to_string(), "10.0.0.0/8:443");
    }

    /// Every address that somebody's own network may have is denied to names and patterns, in every form.
    #[test]
    fn names_do_not_lead_inside() {
        let grant = net(&["*:*", "a.example:80"], &["default"]);
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.0.192",
            "168.63.129.16",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:0:4136:e378:8000:63bf:f5ff:fffe",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "fe80::5efe:8.8.8.8",
            "2a00::5efe:10.0.0.1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(!grant.admits(address, Way::Name) && !grant.admits(address, Way::Pattern), "{text}");
            assert!(grant.admits(address, Way::Literal), "{text}: the person named it");
        }
        for text in ["8.8.8.8", "2606:4700::1", "64:ff9b::808:808", "172.32.0.1", "100.128.0.1", "203.0.113.1"] {
            assert!(grant.admits(text.parse().unwrap(), Way::Pattern), "{text}");
        }
        assert!(net(&["*:*"], &[]).admits(LOOPBACK[0], Way::Pattern), "deny_cidr = [] denies nothing");
    }

    #[test]
    fn what_is_denied_explicitly_is_denied_to_all() {
        let grant = net(&["10.0.0.1:80"], &["private"]);
        for text in ["10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"] {
            assert!(!grant.admits(text.parse().unwrap(), Way::Literal), "{text}");
        }
        assert!(!net(&["0.0.0.0:80"], &["127.0.0.0/8"]).admits("0.0.0.0".parse().unwrap(), Way::Literal));
    }

    #[test]
    fn who_named_it_decides() {
        let grant = net(&["*:443", "*.a.org:80", "b.org:80", "10.0.0.0/8:80", "localhost:80"], &["default"]);
        let way = |text: &str, port| grant.way(&Host::parse(text).unwrap(), port);
        for (text, port, expected) in [
            ("b.org", 80, Some(Way::Name)),
            ("B.ORG.", 80, Some(Way::Name)),
            ("x.a.org", 80, Some(Way::Pattern)),
            ("a.org", 80, None),
            ("a.org", 443, Some(Way::Pattern)),
            ("10.1.1.1", 80, Some(Way::Literal)),
            ("::ffff:10.1.1.1", 80, Some(Way::Literal)),
            ("11.1.1.1", 80, None),
            ("11.1.1.1", 443, Some(Way::Pattern)),
            ("localhost", 80, Some(Way::Literal)),
            ("127.0.0.1", 80, Some(Way::Literal)),
            ("localhost", 443, Some(Way::Pattern)),
            ("b.org", 81, None),
        ] {
            assert_eq!(way(text, port), expected, "{text} {port}");
        }
    }

    /// Nobody who writes `0.0.0.0/0` means the host's own services, or where its cloud keeps credentials.
    #[test]
    fn a_wide_range_names_nothing_that_is_denied() {
        let grant = net(&["0.0.0.0/0:80", "::/0:80", "169.254.0.0/16:81", "10.0.0.0/9:82"], &["default"]);
        for (text, port, reached) in [
            ("127.0.0.1", 80, false),
            ("0.0.0.0", 80, false),
            ("10.0.0.1", 80, false),
            ("169.254.169.254", 80, false),
            ("::1", 80, false),
            ("2002:7f00:1::", 80, false),
            ("64:ff9b::a00:1", 80, false),
            ("8.8.8.8", 80, true),
            ("2606:4700::1", 80, true),
            ("169.254.1.1", 81, true),
            ("169.254.169.254", 81, false),
            ("10.1.1.1", 82, true),
        ] {
            let address: IpAddr = text.parse().unwrap();
            let way = grant.way(&Host::Address(address), port).unwrap();
            assert_eq!(grant.admits(address, way), reached, "{text} {port}");
        }
        let open = net(&["0.0.0.0/0:80"], &[]);
        assert!(open.admits(LOOPBACK[0], open.way(&Host::Address(LOOPBACK[0]), 80).unwrap()));
    }

    /// The exemption of literal addresses is the person's who wrote the grant, and not of whoever narrows it.
    #[test]
    fn what_a_pattern_is_denied_is_not_named_by_a_child() {
        let held = net(&["*:80"], &["default"]);
        for text in ["10.0.0.1:80", "localhost:80", "10.0.0.0/8:80", "0.0.0.0/0:80", "[::1]:80"] {
            assert!(!held.covers(&net(&[text], &["default"])), "{text}");
        }
        // Nor in another form.
        for text in ["[64:ff9b::a00:1]:80", "[2002:7f00:1::]:80", "[::127.0.0.1]:80", "[2a00::5efe:10.0.0.1]:80"] {
            assert!(!held.covers(&net(&[text], &["default"])), "{text}");
        }
        let ranges = net(&["0.0.0.0/0:80", "::/0:80", "10.0.0.0/8:81"], &["default"]);
        for text in ["127.0.0.1:80", "10.0.0.0/8:80", "[2002:7f00:1::]:80", "169.254.0.0/16:80", "localhost:80"] {
            assert!(!ranges.covers(&net(&[text], &["default"])), "{text}");
        }
        for text in ["8.8.8.8:80", "8.0.0.0/8:80", "0.0.0.0/0:80", "10.0.0.1:81", "10.0.0.0/9:81", "[2606:4700::1]:80"]
        {
            assert!(ranges.covers(&net(&[text], &["default"])), "{text}");
        }
        assert!(held.covers(&net(&["8.8.8.8:80"], &["default"])));
        assert!(
            held.covers(&net(&["a.org:80"], &["default", "loopback"]))
                && !held.covers(&net(&["a.org:80"], &["loopback"]))
        );
        assert!(net(&["*:80", "localhost:80"], &["default"]).covers(&net(&["127.0.0.1:80"], &["default"])));
        assert!(net(&["*:80"], &[]).covers(&net(&["127.0.0.1:80"], &[])));
    }

    #[test]
    fn denied_ranges_cover() {
        let (wide, narrow) = (net(&[], &["10.1.0.0/16"]), net(&[], &["private"]));
        assert!(wide.covers(&narrow) && !narrow.covers(&wide));
        assert!(net(&[], &["link-local"]).covers(&net(&[], &["169.254.0.0/15", "fe80::/9"])));
    }
}
