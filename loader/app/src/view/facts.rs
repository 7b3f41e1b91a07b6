//! What a lock says of capabilities and limits: written, and read again into what the one order compares.

use crate::cap::{Attenuation, Cap, CapKind, Clock, Random, Stream, SubPath};
use crate::gathered;
use crate::limits::Limits;
use crate::manifest::{HostResource, attenuation};
use crate::net::{Deny, Dns, Endpoint, HostPattern, Net};
use crate::plan::Node;
use bailiwick_loader::GroupConfig;
use bailiwick_loader::wasi::{DirGrant, DirLimits, DirRights};
use bailiwick_runtime_abi::edge;
use bytesize::ByteSize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// The most descriptors of an instance whose limits say nothing: what the system interface has.
const DESCRIPTORS: u64 = 1024;

/// A capability's fields.
pub(super) fn grant(cap: &Cap) -> Value {
    match cap {
        Cap::Dir { path, grant } => json!({
            "path": path.to_string(),
            "rights": grant.rights.names(),
            "max_bytes": grant.limits.max_bytes,
            "max_open": grant.limits.max_open,
            "cross_mounts": grant.cross_mounts,
        }),
        Cap::Stdio { stdin, stdout, stderr } => {
            json!({"stdin": stdin.name(), "stdout": stdout.name(), "stderr": stderr.name()})
        }
        Cap::Env(variables) => json!(variables),
        Cap::Args { command_line, fixed } => json!({"command_line": command_line, "fixed": fixed}),
        Cap::Clock(Clock::Virtual) => json!({"time": "virtual"}),
        Cap::Clock(Clock::Fixed { ns }) => json!({"time": "fixed", "ns": ns}),
        Cap::Clock(Clock::Host { resolution_ns }) => json!({"time": "host", "resolution_ns": resolution_ns}),
        Cap::Random(Random::Host) => json!({"source": "host"}),
        // Who has the seed has the numbers, and locks are shown to people.
        Cap::Random(Random::Seeded(seed)) => json!({"source": "seeded", "seed_sha256": hex(&Sha256::digest(seed))}),
        Cap::Tcp(net) | Cap::Udp(net) => json!({
            "connect": net.connect.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "listen": net.listen.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "deny_cidr": net.deny.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "max_connections": net.max_connections,
            "max_bytes": net.max_bytes,
        }),
        Cap::Dns(dns) => json!({
            "allow": dns.allow.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "servers": dns.servers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
    }
}

/// The capability with these fields.
pub(super) fn read_grant(kind: &str, grant: &Value) -> Option<Cap> {
    let text = |key: &str| grant.get(key).and_then(Value::as_str);
    let flag = |key: &str| grant.get(key).and_then(Value::as_bool);
    let kind = CapKind::from_name(kind)?;
    Some(match kind {
        CapKind::Dir => Cap::Dir {
            path: SubPath::parse(text("path")?).ok()?,
            grant: DirGrant {
                rights: rights(grant.get("rights")?)?,
                limits: DirLimits {
                    max_bytes: number(grant, "max_bytes"),
                    max_open: number(grant, "max_open").and_then(|n| u32::try_from(n).ok()),
                },
                cross_mounts: flag("cross_mounts")?,
            },
        },
        CapKind::Stdio => Cap::Stdio {
            stdin: Stream::from_name(text("stdin")?)?,
            stdout: Stream::from_name(text("stdout")?)?,
            stderr: Stream::from_name(text("stderr")?)?,
        },
        CapKind::Env => {
            let variables = grant.as_object()?.iter();
            Cap::Env(variables.map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned))).collect())
        }
        CapKind::Args => {
            let fixed = grant.get("fixed")?.as_array()?.iter().filter_map(Value::as_str);
            Cap::Args { command_line: flag("command_line")?, fixed: fixed.map(str::to_owned).collect() }
        }
        CapKind::Clock => Cap::Clock(match text("time")? {
            "virtual" => Clock::Virtual,
            "fixed" => Clock::Fixed { ns: number(grant, "ns")? },
            "host" => Clock::Host { resolution_ns: number(grant, "resolution_ns")? },
            _ => return None,
        }),
        CapKind::Random => Cap::Random(match text("source")? {
            "host" => Random::Host,
            "seeded" => Random::Seeded(text("seed_sha256")?.to_owned()),
            _ => return None,
        }),
        CapKind::Tcp => Cap::Tcp(read_net(grant)?),
        CapKind::Udp => Cap::Udp(read_net(grant)?),
        CapKind::Dns => Cap::Dns(Dns {
            allow: each(grant, "allow", HostPattern::parse)?,
            servers: each(grant, "servers", |text| text.parse().map_err(|_| "no address"))?,
        }),
    })
}

fn read_net(grant: &Value) -> Option<Net> {
    Some(Net {
        connect: each(grant, "connect", Endpoint::parse)?,
        listen: each(grant, "listen", Endpoint::parse)?,
        deny: each(grant, "deny_cidr", Deny::parse)?,
        max_connections: number(grant, "max_connections").and_then(|n| u32::try_from(n).ok()),
        max_bytes: number(grant, "max_bytes"),
    })
}

/// Every text of a list, read.
fn each<T>(of: &Value, key: &str, parse: fn(&str) -> Result<T, &'static str>) -> Option<Vec<T>> {
    of.get(key)?.as_array()?.iter().map(|text| parse(text.as_str()?).ok()).collect()
}

/// The files that the streams of a resource are, by the names of the streams.
pub(super) fn files(resource: &HostResource) -> Value {
    let names = ["stdin", "stdout", "stderr"].into_iter().zip(&resource.files);
    let named = names.filter_map(|(name, file)| Some((name.to_owned(), json!(file.as_ref()?.display().to_string()))));
    Value::Object(gathered(named))
}

/// What an edge takes off a handle.
pub(super) fn taken(attenuation: &Attenuation) -> Value {
    match attenuation {
        Attenuation::Dir { sub, rights, max_bytes, max_open, cross_mounts } => json!({
            "sub": sub.as_ref().map(ToString::to_string),
            "rights": rights.map(DirRights::names),
            "max_bytes": max_bytes,
            "max_open": max_open,
            "cross_mounts": cross_mounts,
        }),
        _ => Value::Null,
    }
}

/// What a handle is at most, of which that was taken off; all, if nothing was.
pub(super) fn read_taken(taken: Option<&Value>) -> Option<Cap> {
    let Some(taken) = taken else {
        return Some(Cap::Dir { path: SubPath::default(), grant: DirGrant { cross_mounts: true, ..DirGrant::all() } });
    };
    let sub = taken.get("sub").and_then(Value::as_str).unwrap_or(".");
    Some(Cap::Dir {
        path: SubPath::parse(sub).ok()?,
        grant: DirGrant {
            rights: taken.get("rights").filter(|r| !r.is_null()).map_or(Some(DirRights::ALL), rights)?,
            limits: DirLimits {
                max_bytes: number(taken, "max_bytes"),
                max_open: number(taken, "max_open").and_then(|n| u32::try_from(n).ok()),
            },
            cross_mounts: taken.get("cross_mounts").and_then(Value::as_bool).unwrap_or(true),
        },
    })
}

fn rights(names: &Value) -> Option<DirRights> {
    names
        .as_array()?
        .iter()
        .try_fold(DirRights::NONE, |all, name| Some(all.union(DirRights::from_name(name.as_str()?)?)))
}

fn number(of: &Value, key: &str) -> Option<u64> {
    of.get(key).and_then(Value::as_u64)
}

/// Limits of an instance; `null` is the loader's own default.
pub(super) fn limits(limits: &Limits) -> Value {
    json!({
        "memory": limits.memory,
        "stack": limits.stack,
        "table": limits.table,
        "exceptions": limits.exceptions,
        "descriptors": limits.descriptors,
        "handles": limits.handles,
        "values": limits.values,
        "time_ns": limits.time.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
    })
}

/// What the edge to an instance takes off handles, by function and parameter.
pub(super) fn taken_off(node: &Node) -> Value {
    let parameters = |parameters: &BTreeMap<String, toml::Table>| -> Map<String, Value> {
        gathered(parameters.iter().filter_map(|(name, table)| {
            // That it can be read was checked.
            Some((name.clone(), taken(&attenuation("", CapKind::Dir, table.clone()).ok()?)))
        }))
    };
    let all = node.call.iter().map(|(function, of)| (function.clone(), Value::Object(parameters(of))));
    Value::Object(gathered(all))
}

/// Limits as they are in force: with the loader's own where none is named.
pub(super) fn in_force(limits: &Limits) -> Limits {
    let own = GroupConfig::default();
    Limits {
        memory: limits.memory.or(Some(own.max_memory)),
        stack: limits.stack.or(Some(own.stack_size as u64)),
        table: limits.table.or(Some(own.max_table_elements)),
        exceptions: limits.exceptions.or(Some(own.max_exceptions as u64)),
        descriptors: limits.descriptors.or(Some(DESCRIPTORS)),
        values: limits.values.or(Some(edge::MAX_BYTES)),
        ..*limits
    }
}

/// Limits as they hold: with the loader's own where none is named.
pub(super) fn read_limits(limits: &Value) -> Limits {
    in_force(&Limits {
        memory: number(limits, "memory"),
        stack: number(limits, "stack"),
        table: number(limits, "table"),
        exceptions: number(limits, "exceptions"),
        descriptors: number(limits, "descriptors"),
        handles: number(limits, "handles"),
        values: number(limits, "values"),
        time: number(limits, "time_ns").map(Duration::from_nanos),
        fuel: None,
    })
}

/// Which limits differ, in words.
pub(super) fn limits_that_differ(before: &Value, now: &Value) -> Vec<String> {
    let shown = |limits: &Value, key: &str| match (number(limits, key), key) {
        (None, _) => "unlimited".to_owned(),
        (Some(n), "memory" | "stack" | "values") => ByteSize(n).to_string(),
        (Some(n), "time_ns") => humantime::format_duration(Duration::from_nanos(n)).to_string(),
        (Some(n), _) => n.to_string(),
    };
    let none = |limits: &Value, key: &str| match number(limits, key) {
        None if key != "time_ns" && key != "handles" => "the default".to_owned(),
        _ => shown(limits, key),
    };
    ["memory", "stack", "table", "exceptions", "descriptors", "handles", "values", "time_ns"]
        .into_iter()
        .filter(|key| number(before, key) != number(now, key))
        .map(|key| format!("limits.{}: {} → {}", key.trim_end_matches("_ns"), none(before, key), none(now, key)))
        .collect()
}

/// What a slot of a lock holds, in a few words: `dir data/log (write, create; max_bytes 64.0 KiB)`.
pub(super) fn words(held: &Value) -> String {
    let text = |key: &str| held.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut out = text("kind").unwrap_or("?").to_owned();
    if let Some(place) = text("place") {
        out.push_str(&format!(" {place}"));
    }
    let mut facts = Vec::new();
    let fields: BTreeMap<&String, &Value> =
        held.get("grant").and_then(Value::as_object).into_iter().flatten().collect();
    for (key, value) in fields {
        match (key.as_str(), value) {
            // The place says it.
            ("path", _) => {}
            ("rights", Value::Array(names)) if names.is_empty() => facts.push("stat only".to_owned()),
            ("rights", Value::Array(names)) => {
                facts.push(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
            }
            ("cross_mounts", value) if *value == json!(true) => facts.push("other mounts too".to_owned()),
            ("cross_mounts", _) => {}
            ("max_bytes", Value::Number(n)) => {
                facts.push(format!("max_bytes {}", ByteSize(n.as_u64().unwrap_or_default())));
            }
            (_, Value::Null) if text("kind") == Some("env") => facts.push(format!("{key} of the host")),
            (_, Value::Null) => {}
            (key, Value::String(value)) => facts.push(format!("{key} {}", value.escape_debug())),
            (key, value) => facts.push(format!("{key} {value}")),
        }
    }
    for (stream, file) in held.get("files").and_then(Value::as_object).into_iter().flatten() {
        facts.push(format!("{stream} is {file}"));
    }
    if !facts.is_empty() {
        out.push_str(&format!(" ({})", facts.join("; ")));
    }
    out
}

/// Hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lock_says_of_networks_is_read_again() {
        let endpoint = |text| Endpoint::parse(text).unwrap();
        let net = Net {
            connect: vec![endpoint("*.example.org:443"), endpoint("[2001:db8::1]:1-9")],
            listen: vec![endpoint("127.0.0.1:*")],
            deny: vec![Deny::parse("private").unwrap(), Deny::parse("192.0.2.0/24").unwrap()],
            max_connections: Some(4),
            max_bytes: None,
        };
        let servers = vec!["192.0.2.53:53".parse().unwrap(), "[2001:db8::53]:53".parse().unwrap()];
        let dns = Dns { allow: vec![HostPattern::parse("*.example.org").unwrap()], servers };
        for cap in [Cap::Tcp(net.clone()), Cap::Udp(net), Cap::Dns(dns)] {
            assert_eq!(read_grant(cap.kind().name(), &grant(&cap)), Some(cap));
        }
        for broken in [json!({}), json!({"connect": ["x"], "listen": [], "deny_cidr": []}), json!({"allow": [1]})] {
            for kind in ["tcp", "udp", "dns"] {
                assert_eq!(read_grant(kind, &broken), None);
            }
        }
    }
}
