//! Network capabilities as manifests narrow them. What they allow is decided where they are used: see [`crate::wasi::net`].

use super::cap::{Widening, list};
pub use crate::wasi::net::{Deny, Dns, Endpoint, HostPattern, Net};

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
    /// This, narrowed.
    pub(super) fn derive(&self, asked: &NetAttenuation) -> Result<Net, Widening> {
        let endpoints = |field, held: &[Endpoint], asked: &Option<Vec<Endpoint>>| match asked {
            None => Ok(held.to_vec()),
            Some(asked) => match asked.iter().find(|endpoint| !self.allows_endpoint(held, endpoint)) {
                None => Ok(asked.clone()),
                Some(excess) => {
                    let mut held: Vec<String> = held.iter().map(Endpoint::to_string).collect();
                    if self.denies_by_default() {
                        held.push("without what is denied by default".to_owned());
                    }
                    let held: Vec<&str> = held.iter().map(String::as_str).collect();
                    Err(Widening::field(field, excess, list(&held)))
                }
            },
        };
        let mut deny = self.deny.clone();
        deny.extend(asked.deny.iter().filter(|range| !self.deny.contains(range)).cloned());
        let max_connections = match (asked.max_connections, self.max_connections) {
            (Some(asked), Some(held)) if asked > held => return Err(Widening::field("max_connections", asked, held)),
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

impl Dns {
    /// This, narrowed.
    pub(super) fn derive(&self, asked: Option<&[HostPattern]>) -> Result<Dns, Widening> {
        let Some(asked) = asked else { return Ok(self.clone()) };
        match asked.iter().find(|name| !self.allow.iter().any(|own| own.covers(name))) {
            None => Ok(Dns { allow: asked.to_vec(), servers: self.servers.clone() }),
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

    #[test]
    fn denied_ranges_only_grow() {
        let held = Net { deny: vec![Deny::parse("private").unwrap()], ..Net::default() };
        let asked = NetAttenuation { deny: vec![Deny::parse("8.0.0.0/8").unwrap()], ..NetAttenuation::default() };
        let derived = held.derive(&asked).unwrap();
        assert_eq!(derived.deny.len(), 2);
        assert!(held.covers(&derived) && !derived.covers(&held));
    }

    #[test]
    fn nobody_names_what_a_pattern_is_denied() {
        let connect = |text: &str| vec![Endpoint::parse(text).unwrap()];
        let held = Net { connect: connect("*:80"), deny: vec![Deny::Default], ..Net::default() };
        let asked = NetAttenuation { connect: Some(connect("10.0.0.1:80")), ..NetAttenuation::default() };
        let refused = held.derive(&asked).unwrap_err().to_string();
        assert!(
            refused.contains("connect: 10.0.0.1:80 is more than") && refused.contains("denied by default"),
            "{refused}"
        );
    }
}
