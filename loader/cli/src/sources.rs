//! `--clock`, `--random` and `--deterministic`: where a guest's time and randomness come from.

use super::exit::Failure;
use super::options::{Choice, Given};
use bailiwick_loader::wasi::{ClockSource, RandomSource, WasiCtxBuilder};
use sha2::{Digest, Sha256};
use std::time::UNIX_EPOCH;

/// What the guest's clocks show. Times are nanoseconds since 1970 began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// The host's.
    Host,
    /// A time that passes only while the guest sleeps, and then at once.
    Virtual(u64),
    /// Always the same.
    Fixed(u64),
}

/// Where random numbers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Random {
    /// The host.
    Host,
    /// This text.
    Seed(String),
}

/// The options of time and randomness.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sources {
    clock: Option<String>,
    random: Option<String>,
    deterministic: bool,
}

/// How these options are told.
pub const OPTIONS: [Choice; 3] = [
    Choice::taking(
        "clock",
        &["host|virtual[:TIME]|fixed:TIME"],
        "What its clocks show: the host's time, one that passes only by sleeping, or always the same",
    )
    .of(|text| parse_clock(text).map(drop)),
    Choice::taking(
        "random",
        &["host|seed:TEXT"],
        "Where its random numbers come from: the host, or TEXT, the same in every run",
    )
    .of(|text| parse_random(text).map(drop)),
    Choice::flag(
        "deterministic",
        "The same as --clock virtual --random seed: unless one of them says otherwise, but not host",
    ),
];

impl Sources {
    /// What was given.
    pub fn new(given: &mut Given) -> Sources {
        Sources { clock: given.text("clock"), random: given.text("random"), deterministic: given.has("deterministic") }
    }

    /// Whether any of them was given.
    pub fn given(&self) -> bool {
        self.clock.is_some() || self.random.is_some() || self.deterministic
    }

    /// Grants what was asked for.
    pub fn grant(&self, builder: &mut WasiCtxBuilder) -> Result<(), Failure> {
        let (clock, random) = self.chosen()?;
        builder.clock(match clock {
            Clock::Host => ClockSource::Host,
            Clock::Virtual(start_ns) => ClockSource::Virtual { start_ns },
            Clock::Fixed(ns) => ClockSource::Fixed { ns },
        });
        builder.random(match random {
            Random::Host => RandomSource::Host,
            Random::Seed(text) => RandomSource::Seeded(Sha256::digest(text).into()),
        });
        Ok(())
    }

    fn chosen(&self) -> Result<(Clock, Random), Failure> {
        // Not SOURCE_DATE_EPOCH: the same command line does the same whatever the environment.
        let (clock, random) = match self.deterministic {
            true => (Clock::Virtual(0), Random::Seed(String::new())),
            false => (Clock::Host, Random::Host),
        };
        let clock = self.clock.as_deref().map_or(Ok(clock), parse_clock).map_err(Failure::usage)?;
        let random = self.random.as_deref().map_or(Ok(random), parse_random).map_err(Failure::usage)?;
        let chosen = (clock, random);
        match &chosen {
            (Clock::Host, _) if self.deterministic => Err(Failure::usage("--deterministic excludes --clock host")),
            (_, Random::Host) if self.deterministic => Err(Failure::usage("--deterministic excludes --random host")),
            _ => Ok(chosen),
        }
    }
}

fn parse_clock(text: &str) -> Result<Clock, String> {
    match text.split_once(':') {
        None if text == "host" => Ok(Clock::Host),
        None if text == "virtual" => Ok(Clock::Virtual(0)),
        Some(("virtual", time)) => Ok(Clock::Virtual(parse_time(time)?)),
        Some(("fixed", time)) => Ok(Clock::Fixed(parse_time(time)?)),
        _ => Err("it wants host, virtual, virtual:TIME or fixed:TIME".to_owned()),
    }
}

/// Nanoseconds since 1970, from RFC 3339 in UTC or `@SECONDS`, as date(1) has it.
fn parse_time(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("{text:?} is no time from 1970 to 2554: it wants 2026-01-31T12:00:00Z, or @ and seconds since 1970");
    match text.strip_prefix('@') {
        Some(seconds) if seconds.bytes().all(|b| b.is_ascii_digit()) => {
            seconds.parse::<u64>().ok().and_then(|s| s.checked_mul(1_000_000_000)).ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
        None => {
            let time = humantime::parse_rfc3339(text).map_err(|_| wrong())?;
            let since = time.duration_since(UNIX_EPOCH).map_err(|_| wrong())?;
            u64::try_from(since.as_nanos()).map_err(|_| wrong())
        }
    }
}

fn parse_random(text: &str) -> Result<Random, String> {
    match text.split_once(':') {
        None if text == "host" => Ok(Random::Host),
        Some(("seed", seed)) => Ok(Random::Seed(seed.to_owned())),
        _ => Err("it wants host or seed:TEXT".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_or_seconds() {
        assert_eq!(parse_time("@0"), Ok(0));
        assert_eq!(parse_time("@1700000000"), Ok(1_700_000_000_000_000_000));
        assert_eq!(parse_time("1970-01-01T00:00:01Z"), Ok(1_000_000_000));
        assert_eq!(parse_time("2023-11-14T22:13:20.5Z"), Ok(1_700_000_000_500_000_000));
        for wrong in
            ["", "@", "@-1", "@+1", "@1.5", "@18446744074", "now", "1969-12-31T23:59:59Z", "2600-01-01T00:00:00Z"]
        {
            assert!(parse_time(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_clock_is_the_hosts_virtual_or_fixed() {
        assert_eq!(parse_clock("host"), Ok(Clock::Host));
        assert_eq!(parse_clock("virtual"), Ok(Clock::Virtual(0)));
        assert_eq!(parse_clock("virtual:@7"), Ok(Clock::Virtual(7_000_000_000)));
        assert_eq!(parse_clock("fixed:1970-01-01T00:00:07Z"), Ok(Clock::Fixed(7_000_000_000)));
        for wrong in ["", "fixed", "host:@1", "real", "virtual:"] {
            assert!(parse_clock(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_seed_is_any_text() {
        assert_eq!(parse_random("seed:"), Ok(Random::Seed(String::new())));
        assert_eq!(parse_random("seed:a:b"), Ok(Random::Seed("a:b".to_owned())));
        assert!(parse_random("seed").is_err() && parse_random("7").is_err());
    }

    #[test]
    fn deterministic_is_a_choice_of_both_that_can_be_refined() {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let choose = |clock, random| Sources { clock: text(clock), random: text(random), deterministic: true }.chosen();
        let seed = Random::Seed(String::new());
        assert_eq!(choose(None, None).unwrap(), (Clock::Virtual(0), seed.clone()));
        assert_eq!(choose(Some("fixed:@1"), None).unwrap(), (Clock::Fixed(1_000_000_000), seed));
        assert!(choose(Some("host"), None).is_err());
        assert!(choose(None, Some("host")).is_err());
        let plain = Sources { clock: None, random: None, deterministic: false };
        assert_eq!(plain.chosen().unwrap(), (Clock::Host, Random::Host));
    }
}
