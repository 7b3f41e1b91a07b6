//! `--clock`, `--random` and `--deterministic`.

use super::guest::guest;
use super::*;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Says the time, a random number, and the time after a sleep of ten seconds.
const BODY: &str = "(call $say (call $now)) (call $say (call $random))
    (call $sleep (i64.const 10000000000)) (call $say (call $now))";

/// The three numbers that a run says. It takes nowhere near ten seconds.
#[track_caller]
fn numbers(place: &Place, options: &[&str]) -> [u64; 3] {
    let file = place.file("sources.wat", guest(b"", BODY));
    let begun = Instant::now();
    let ended = place.run(&[options, &[text(&file)]].concat()).with(0).silently();
    assert!(begun.elapsed() < Duration::from_secs(9));
    let numbers = ended.out.lines().map(|line| u64::from_str_radix(line, 16).unwrap());
    numbers.collect::<Vec<_>>().try_into().unwrap()
}

const TEN_SECONDS: u64 = 10_000_000_000;

#[test]
fn a_deterministic_run_is_the_same_each_time() {
    let place = Place::new();
    let first = numbers(&place, &["--deterministic"]);
    assert_eq!((first[0], first[2]), (0, TEN_SECONDS));
    assert_eq!(numbers(&place, &["--deterministic"]), first);
    assert_eq!(numbers(&place, &["--clock", "virtual", "--random", "seed:"]), first);
    let mut command = place.command();
    command.env("SOURCE_DATE_EPOCH", "1700000000").args(["run", "--deterministic"]).arg(place.path("sources.wat"));
    assert!(ended(&mut command).with(0).out.starts_with("0000000000000000\n"));
}

#[test]
fn a_deterministic_run_takes_another_time_or_seed_but_not_the_hosts() {
    let place = Place::new();
    let plain = numbers(&place, &["--deterministic"]);
    let later = numbers(&place, &["--deterministic", "--clock", "virtual:@1700000000"]);
    let begin = 1_700_000_000_000_000_000;
    assert_eq!(later, [begin, plain[1], begin + TEN_SECONDS]);
    let seeded = numbers(&place, &["--deterministic", "--random", "seed:other"]);
    assert_eq!((seeded[0], seeded[2]), (0, TEN_SECONDS));
    assert_ne!(seeded[1], plain[1]);
    let file = place.path("sources.wat");
    for host in [["--clock", "host"], ["--random", "host"]] {
        place.run(&["--deterministic", host[0], host[1], text(&file)]).with(2).prints("").says(&[host[0], "host"]);
    }
}

#[test]
fn a_clock_starts_where_it_is_told_and_runs_or_stands() {
    let place = Place::new();
    let begin = 1_700_000_000_000_000_000;
    for time in ["@1700000000", "2023-11-14T22:13:20Z"] {
        let run = numbers(&place, &["--clock", &format!("virtual:{time}")]);
        assert_eq!((run[0], run[2]), (begin, begin + TEN_SECONDS));
        let fixed = numbers(&place, &["--clock", &format!("fixed:{time}")]);
        assert_eq!((fixed[0], fixed[2]), (begin, begin));
    }
}

#[test]
fn the_clock_is_the_hosts_unless_said() {
    let place = Place::new();
    let file = place.file("now.wat", guest(b"", "(call $say (call $now))"));
    for options in [&[][..], &["--clock", "host"]] {
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let said = place.run(&[options, &[text(&file)]].concat()).with(0).out;
        let said = u128::from_str_radix(said.trim(), 16).unwrap();
        let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        assert!((before..=after).contains(&said), "{before} {said} {after}");
    }
}

#[test]
fn a_seed_makes_the_same_numbers_and_the_host_makes_others() {
    let place = Place::new();
    let file = place.file("random.wat", guest(b"", "(call $say (call $random))"));
    let run = |options: &[&str]| place.run(&[options, &[text(&file)]].concat()).with(0).out;
    assert_eq!(run(&["--random", "seed:a"]), run(&["--random", "seed:a"]));
    assert_ne!(run(&["--random", "seed:a"]), run(&["--random", "seed:b"]));
    assert_ne!(run(&[]), run(&[]));
    assert_ne!(run(&["--random", "host"]), run(&["--random", "host"]));
}

#[test]
fn what_is_no_time_and_no_seed_is_wrong_usage() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    for wrong in
        ["", "now", "virtual:", "fixed", "fixed:", "fixed:yesterday", "fixed:@-1", "virtual:1969-01-01T00:00:00Z"]
    {
        place.run(&["--clock", wrong, text(&hello)]).with(2).prints("").says(&["--clock"]);
    }
    for wrong in ["", "7", "seed"] {
        place.run(&["--random", wrong, text(&hello)]).with(2).prints("").says(&["--random"]);
    }
}
