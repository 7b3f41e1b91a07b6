//! Addresses: ranges of them, the forms in which one address is another, and the ranges that are denied by name.
//!
//! An address may stand for another: `::ffff:10.0.0.1` is 10.0.0.1, and what a translator or a tunnel makes of
//! `64:ff9b::a00:1` or `2002:a00:1::` is a packet to 10.0.0.1. So every comparison with what is denied looks at all
//! [`forms`] of an address. Ranges are those of the IANA registries of special-purpose addresses (RFC 6890).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that begin with the same bits, as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// The first of them: the bits behind the prefix are 0.
    first: IpAddr,
    bits: u8,
}

impl Range {
    /// The addresses that share `bits` bits with `address`; `None` if it has fewer. A range of mapped addresses
    /// (`::ffff:10.0.0.0/104`) is the range of what they map.
    pub fn new(address: IpAddr, bits: u8) -> Option<Range> {
        match address {
            IpAddr::V4(v4) if bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                Some(Range { first: Ipv4Addr::from_bits(v4.to_bits() & mask).into(), bits })
            }
            IpAddr::V6(v6) if bits <= 128 => {
                if let (Some(v4), Some(rest)) = (v6.to_ipv4_mapped(), bits.checked_sub(96)) {
                    return Range::new(v4.into(), rest);
                }
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                Some(Range { first: Ipv6Addr::from_bits(v6.to_bits() & mask).into(), bits })
            }
            _ => None,
        }
    }

    /// The range of one address.
    pub fn of(address: IpAddr) -> Range {
        let address = address.to_canonical();
        Range { first: address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// Reads `ADDRESS/BITS`.
    pub fn parse(text: &str) -> Option<Range> {
        let (address, bits) = text.split_once('/')?;
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        let plain = !bits.is_empty() && bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit());
        Range::new(bare.parse().ok()?, bits.parse().ok().filter(|_| plain)?)
    }

    /// Whether it is one address.
    pub fn single(self) -> Option<IpAddr> {
        (self.bits == if self.first.is_ipv4() { 32 } else { 128 }).then_some(self.first)
    }

    /// Whether the address is in it, as it is written: not what it may stand for.
    pub fn contains(self, address: IpAddr) -> bool {
        Range::new(address, self.bits) == Some(self)
    }

    /// Whether all of `other` is in it.
    pub fn covers(self, other: Range) -> bool {
        other.bits >= self.bits && self.contains(other.first)
    }

    /// Whether any address is in both.
    pub fn meets(self, other: Range) -> bool {
        self.covers(other) || other.covers(self)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// The address itself, as short as it can be written, and all that it stands for: for an address of a translator or tunnel
/// the IPv4 address within, for an unspecified one the loopback address that the kernel takes it for.
pub fn forms(address: IpAddr) -> Vec<IpAddr> {
    let mut forms = vec![address.to_canonical()];
    if let IpAddr::V6(v6) = address.to_canonical() {
        let bits = v6.to_bits();
        let word = |shift: u32| (bits >> shift) as u32;
        let last = word(0);
        let within = |text: &str| Range::parse(text).is_some_and(|range| range.contains(address));
        let mut embedded = Vec::new();
        // IPv4-compatible (RFC 4291, 2.5.5.1), and NAT64 (RFC 6052).
        if within("::/96") || within("64:ff9b::/96") {
            embedded.push(last);
        }
        // NAT64 for local use (RFC 8215): whatever length its prefix has, the octet at 8 is skipped (RFC 6052, 2.2).
        if within("64:ff9b:1::/48") {
            let octets = v6.octets();
            let at = |places: [usize; 4]| u32::from_be_bytes(places.map(|place| octets[place]));
            embedded.extend([at([6, 7, 9, 10]), at([7, 9, 10, 11]), at([9, 10, 11, 12]), last]);
        }
        // 6to4 (RFC 3056).
        if within("2002::/16") {
            embedded.push(word(80));
        }
        // Teredo (RFC 4380): its server, and its client with the bits inverted.
        if within("2001::/32") {
            embedded.extend([word(64), !last]);
        }
        // ISATAP (RFC 5214), by its interface identifier, whatever the prefix.
        if matches!(word(32), 0x0000_5efe | 0x0200_5efe) {
            embedded.push(last);
        }
        forms.extend(embedded.into_iter().map(|v4| IpAddr::V4(Ipv4Addr::from_bits(v4))));
    }
    for i in 0..forms.len() {
        match forms[i] {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => forms.push(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => forms.push(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
    }
    forms
}

/// What is denied, by the names that manifests use. `this host` addresses count as loopback, shared ones (RFC 6598) as private.
const CLASSES: [(&str, &[&str]); 4] = [
    ("loopback", &["127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128"]),
    ("private", &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10"]),
    ("link-local", &["169.254.0.0/16", "fe80::/10"]),
    // Where hosts of clouds find their credentials: nothing that a module should be led to.
    (
        "metadata",
        &[
            "169.254.169.254/32",
            "169.254.170.2/32",
            "169.254.170.23/32",
            "100.100.100.200/32",
            "168.63.129.16/32",
            "192.0.0.192/32",
            "fd00:ec2::254/128",
            "fd00:ec2::23/128",
            "fd20:ce::254/128",
        ],
    ),
];

/// What is denied by default besides the classes: multicast, broadcast and reserved, protocol assignments, benchmarking.
const SPECIAL: [&str; 6] =
    ["224.0.0.0/4", "240.0.0.0/4", "192.0.0.0/24", "198.18.0.0/15", "ff00::/8", "64:ff9b:1::/48"];

/// The name of the default in manifests.
pub const DEFAULT: &str = "default";

fn ranges(texts: &[&str]) -> Vec<Range> {
    texts.iter().filter_map(|text| Range::parse(text)).collect()
}

/// The ranges that are denied unless a manifest says otherwise.
pub fn default_ranges() -> Vec<Range> {
    CLASSES.iter().flat_map(|(_, texts)| ranges(texts)).chain(ranges(&SPECIAL)).collect()
}

/// One entry of a list of what is denied: a range, or the name of several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deny {
    /// What is denied by default, to what is named by name or pattern.
    Default,
    /// A name for several ranges.
    Class(&'static str),
    /// One range.
    Range(Range),
}

impl Deny {
    /// Reads a range.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Deny, &'static str> {
        if text == DEFAULT {
            return Ok(Deny::Default);
        }
        if let Some((name, _)) = CLASSES.iter().find(|(name, _)| *name == text) {
            return Ok(Deny::Class(name));
        }
        Range::parse(text)
            .map(Deny::Range)
            .ok_or("it is none of `private`, `loopback`, `link-local`, `metadata`, `default`, and no ADDRESS/BITS")
    }

    /// The ranges that it means, to whatever leads there; none for [`Deny::Default`], which is not for what is named
    /// literally.
    pub fn ranges(&self) -> Vec<Range> {
        match self {
            Deny::Default => Vec::new(),
            Deny::Class(name) => {
                CLASSES.iter().find(|(known, _)| known == name).map(|(_, texts)| ranges(texts)).unwrap_or_default()
            }
            Deny::Range(range) => vec![*range],
        }
    }
}

impl fmt::Display for Deny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deny::Default => f.write_str(DEFAULT),
            Deny::Class(name) => f.write_str(name),
            Deny::Range(range) => range.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        Range::parse(text).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_range_of_the_lists_is_one() {
        let all = CLASSES.iter().flat_map(|(_, texts)| texts.iter()).chain(&SPECIAL);
        for text in all.clone() {
            assert_eq!(range(text).to_string(), *text, "as it is written");
        }
        assert_eq!(default_ranges().len(), all.count());
    }

    #[test]
    fn ranges_contain_and_cover() {
        for (outer, inner, covered) in [
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.0.0.0/8", "10.0.0.0/8", true),
            ("10.0.0.0/8", "10.0.0.0/7", false),
            ("0.0.0.0/0", "255.255.255.255/32", true),
            ("0.0.0.0/0", "::/0", false),
            ("::/0", "ff00::/8", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9/32", true),
            ("10.9.9.9/8", "10.1.2.3/32", true),
        ] {
            assert_eq!(range(outer).covers(range(inner)), covered, "{outer} {inner}");
        }
        assert!(range("10.0.0.0/8").meets(range("0.0.0.0/0")) && !range("10.0.0.0/8").meets(range("11.0.0.0/8")));
        assert!(range("10.0.0.0/8").contains(ip("::ffff:10.2.3.4")));
        for text in
            ["10.0.0.0", "10.0.0.0/33", "::/129", "/8", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/-1", "010.0.0.0/8"]
        {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_address_is_known_in_every_form() {
        for (text, stands_for) in [
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::10.0.0.1", "10.0.0.1"),
            ("64:ff9b::a00:1", "10.0.0.1"),
            ("64:ff9b::7f00:1", "127.0.0.1"),
            ("64:ff9b:1::a00:1", "10.0.0.1"),
            ("64:ff9b:1:a00:0:100::", "10.0.0.1"),
            ("64:ff9b:1:ab0a:0:1::", "10.0.0.1"),
            ("64:ff9b:1:abcd:a:0:100:0", "10.0.0.1"),
            ("2002:a00:1::5", "10.0.0.1"),
            ("2001:0:4136:e378:8000:63bf:f5ff:fffe", "10.0.0.1"),
            ("2001:0:a00:1::", "10.0.0.1"),
            ("2a00::5efe:10.0.0.1", "10.0.0.1"),
            ("0.0.0.0", "127.0.0.1"),
            ("::", "::1"),
            ("::ffff:0.0.0.0", "127.0.0.1"),
            ("64:ff9b::", "127.0.0.1"),
        ] {
            assert!(forms(ip(text)).contains(&ip(stands_for)), "{text}: {:?}", forms(ip(text)));
        }
        assert_eq!(forms(ip("::ffff:10.0.0.1")), [ip("10.0.0.1")]);
        assert_eq!(forms(ip("2606:2800::1")), [ip("2606:2800::1")]);
    }
}
