//! Network capabilities as manifests narrow them. What they allow is decided where they are used: see [`bailiwick_loader::wasi::net`].

use super::cap::{Widening, list};
pub use bailiwick_loader::wasi::net::{Deny, Dns, Endpoint, HostPattern, Net};

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

/// What was granted of the network, narrowed.
pub(super) fn derive(net: &Net, asked: &NetAttenuation) -> Result<Net, Widening> {
    type May = fn(&Net, &Endpoint) -> bool;
    let endpoints = |field, held: &[Endpoint], asked: &Option<Vec<Endpoint>>, may: May| match asked {
        None => Ok(held.to_vec()),
        Some(asked) => match asked.iter().find(|endpoint| !may(net, endpoint)) {
            None => Ok(asked.clone()),
            Some(excess) => {
                let mut held: Vec<String> = held.iter().map(Endpoint::to_string).collect();
                if net.denies_by_default() && field == "connect" {
                    held.push("without what is denied by default".to_owned());
                }
                let held: Vec<&str> = held.iter().map(String::as_str).collect();
                Err(Widening::field(field, excess, list(&held)))
            }
        },
    };
    let mut deny = net.deny.clone();
    deny.extend(asked.deny.iter().filter(|range| !net.deny.contains(range)).cloned());
    let max_connections = match (asked.max_connections, net.max_connections) {
        (Some(asked), Some(held)) if asked > held => return Err(Widening::field("max_connections", asked, held)),
        (asked, held) => asked.or(held),
    };
    let max_bytes = match (asked.max_bytes, net.max_bytes) {
        (Some(asked), Some(held)) if asked > held => return Err(Widening::field("max_bytes", asked, held)),
        (asked, held) => asked.or(held),
    };
    Ok(Net {
        connect: endpoints("connect", &net.connect, &asked.connect, Net::may_connect)?,
        listen: endpoints("listen", &net.listen, &asked.listen, Net::may_listen)?,
        deny,
        max_connections,
        max_bytes,
    })
}

/// What was granted of names, narrowed.
pub(super) fn derive_names(dns: &Dns, asked: Option<&[HostPattern]>) -> Result<Dns, Widening> {
    let Some(asked) = asked else { return Ok(dns.clone()) };
    match asked.iter().find(|name| !dns.allow.iter().any(|own| own.covers(name))) {
        None => Ok(Dns { allow: asked.to_vec(), servers: dns.servers.clone() }),
        Some(excess) => {
            let held: Vec<String> = dns.allow.iter().map(HostPattern::to_string).collect();
            let held: Vec<&str> = held.iter().map(String::as_str).collect();
            Err(Widening::field("allow", excess, list(&held)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denied_ranges_only_grow() {
        let held = Net { deny: vec![Deny::parse("private").unwrap()], ..Net::default() };
        let asked = NetAttenuation { deny: vec![Deny::parse("8.0.0.0/8").unwrap()], ..NetAttenuation::default() };
        let derived = derive(&held, &asked).unwrap();
        assert_eq!(derived.deny.len(), 2);
        assert!(held.covers(&derived) && !derived.covers(&held));
    }

    #[test]
    fn nobody_names_what_a_pattern_is_denied() {
        let connect = |text: &str| vec![Endpoint::parse(text).unwrap()];
        let held = Net { connect: connect("*:80"), deny: vec![Deny::Default], ..Net::default() };
        let asked = NetAttenuation { connect: Some(connect("10.0.0.1:80")), ..NetAttenuation::default() };
        let refused = derive(&held, &asked).unwrap_err().to_string();
        assert!(
            refused.contains("connect: 10.0.0.1:80 is more than") && refused.contains("denied by default"),
            "{refused}"
        );
    }
}
