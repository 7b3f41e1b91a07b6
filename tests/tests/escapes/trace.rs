//! What the host's kernel is asked for on behalf of a guest without grants: nothing that names a file, a network or an
//! environment.

use super::world::{SECRET, has_secret};
use crate::common::{EMULATED, Ended, Place, ended, text};
use bailiwick_tests::cli::{bailiwick, bailiwickc, built_guests};
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

/// The system calls that a guest without grants causes. None of them names anything: they take memory of the process,
/// time, randomness, and, by number, the standard streams.
const HARMLESS: &[&str] = &[
    "getrandom",
    "sched_yield",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "poll",
    "ppoll",
    "futex",
    "mmap",
    "munmap",
    "mremap",
    "madvise",
    "mprotect",
    "brk",
    "rt_sigprocmask",
    "rt_sigaction",
    "rt_sigreturn",
    "restart_syscall",
    "sigaltstack",
    "eventfd2",
];

/// Those that take a descriptor, and are harmless for one of the standard streams.
const ON_STREAMS: &[&str] =
    &["read", "readv", "write", "writev", "fstat", "newfstatat", "ioctl", "fcntl", "fsync", "fdatasync"];

/// Those that name a file, a network, a process or a program, or may do so. What is in neither list fails a test too.
const NAMING: &[&str] = &[
    "open",
    "openat",
    "openat2",
    "creat",
    "stat",
    "lstat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getcwd",
    "chdir",
    "statfs",
    "mkdir",
    "mkdirat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "utimensat",
    "getdents64",
    "socket",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "execve",
    "execveat",
    "clone",
    "clone3",
    "fork",
    "vfork",
    "kill",
    "tgkill",
    "ptrace",
    "process_vm_readv",
    "mount",
    "truncate",
    "ftruncate",
    "fallocate",
    "memfd_create",
];

/// A system call: its name and arguments, as strace prints them.
#[derive(Clone, Debug)]
struct Call {
    name: String,
    arguments: String,
}

/// Runs `bailiwick run ARGUMENTS` under strace; what it did, and how it ended.
fn traced(place: &Place, arguments: &[&str]) -> (Vec<Call>, Ended) {
    let log = place.path("trace");
    let run = bailiwick(&place.path("cache"));
    let mut strace = Command::new("strace");
    strace.args(["--follow-forks", "--quiet=all", "--string-limit=64", "--output"]).arg(&log);
    strace.arg(run.get_program()).arg("run").args(arguments);
    for (name, value) in run.get_envs() {
        strace.env(name, value.expect("a variable that is set"));
    }
    strace.env("SECRET", SECRET).env_remove("BAILIWICK_CACHE").stdin(Stdio::null());
    if let Err(e) = Command::new("strace").arg("-V").output() {
        panic!("strace can't be run, which this test needs (Debian's package strace): {e}");
    }
    let ended = ended(&mut strace);
    let log = fs::read_to_string(log).unwrap_or_else(|e| panic!("no trace: {e}: {ended:?}"));
    let calls = log.lines().filter_map(|line| {
        // "1234  name(arguments) = result"; other lines tell of signals, ends and resumptions.
        let call = line.split_once(char::is_whitespace)?.1.trim_start();
        let (name, arguments) = call.split_once('(')?;
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        plain.then(|| Call { name: name.to_owned(), arguments: arguments.to_owned() })
    });
    (calls.collect(), ended)
}

/// The place in the trace of the call for so many random bytes.
fn mark(calls: &[Call], bytes: u32) -> usize {
    let marks: Vec<usize> = (0..calls.len())
        .filter(|&at| calls[at].name == "getrandom" && calls[at].arguments.contains(&format!(", {bytes}, ")))
        .collect();
    assert_eq!(marks.len(), 1, "calls for {bytes} random bytes");
    marks[0]
}

/// The artifact of `guests/attack_sweep.c`, which is in the cache already where need be.
fn sweep(place: &Place) -> String {
    let output = place.path("guest.bwk");
    let source = built_guests().join("attack_sweep.wasm");
    ended(bailiwickc().arg("compile").arg(source).arg("-o").arg(&output)).with(0);
    ended(place.command().arg("run").arg(&output).arg("nothing")).with(0);
    text(&output).to_owned()
}

/// Whether the first argument is one of the standard streams.
fn is_on_stream(call: &Call) -> bool {
    let first = call.arguments.split([',', ')']).next().unwrap_or_default().trim();
    matches!(first, "0" | "1" | "2")
}

#[test]
fn a_guest_without_grants_causes_no_call_that_names_anything() {
    if EMULATED {
        println!("not under emulation: the trace would be the emulator's");
        return;
    }
    let place = Place::new();
    let (calls, Ended { out, .. }) = traced(&place, &[&sweep(&place)]);
    assert!(out.starts_with("calls ") && out.ends_with(" granted 0 arguments 1 variables 0\n"), "{out}");
    let between = &calls[mark(&calls, 7001)..mark(&calls, 7002)];
    for call in between {
        let harmless = HARMLESS.contains(&call.name.as_str());
        // "" is the descriptor itself.
        let on_stream = ON_STREAMS.contains(&call.name.as_str()) && is_on_stream(call);
        let by_path = call.name == "newfstatat" && !call.arguments.contains(", \"\", ");
        assert!(!NAMING.contains(&call.name.as_str()), "between the marks: {call:?}");
        assert!((harmless || on_stream) && !by_path, "neither known nor harmless: {call:?}");
    }
    // Nor does anything of the trace, or of what the guest prints, hold the environment.
    assert!(!has_secret(out.as_bytes()));
    let with_secret = calls.iter().find(|call| call.name != "execve" && has_secret(call.arguments.as_bytes()));
    assert!(with_secret.is_none(), "{with_secret:?}");
    let names: BTreeSet<&str> = between.iter().map(|call| call.name.as_str()).collect();
    println!("{} calls between the marks, of {} kinds: {names:?}", between.len(), names.len());
}

#[test]
fn a_guest_without_streams_writes_nothing() {
    if EMULATED {
        println!("not under emulation: the trace would be the emulator's");
        return;
    }
    let place = Place::new();
    let nothing = ["--stdin", "null", "--stdout", "null", "--stderr", "null"];
    let (calls, ended) = traced(&place, &[&nothing[..], &[&sweep(&place)]].concat());
    ended.with(0).prints("").silently();
    for call in &calls[mark(&calls, 7001)..mark(&calls, 7002)] {
        assert!(HARMLESS.contains(&call.name.as_str()), "between the marks: {call:?}");
    }
}

/// What a trace names: calls, and the names in them.
fn named(calls: &[Call]) -> BTreeSet<(&str, Vec<&str>)> {
    let naming = calls.iter().filter(|call| NAMING.contains(&call.name.as_str()) && call.name != "execve");
    naming.map(|call| (call.name.as_str(), call.arguments.split('"').skip(1).step_by(2).collect())).collect()
}

#[test]
fn a_guest_that_tries_everything_causes_what_an_idle_one_does() {
    if EMULATED {
        println!("not under emulation: the trace would be the emulator's");
        return;
    }
    let place = Place::new();
    let sweep = sweep(&place);
    let (by_idle, _) = traced(&place, &[&sweep, "nothing"]);
    let (by_sweep, _) = traced(&place, &[&sweep]);
    let (by_idle, by_sweep) = (named(&by_idle), named(&by_sweep));
    // What is compared is seen: the artifact, for one, is opened.
    assert!(by_idle.iter().any(|(_, names)| names.contains(&sweep.as_str())), "{by_idle:?}");
    let differ: Vec<_> = by_sweep.symmetric_difference(&by_idle).collect();
    assert!(differ.is_empty(), "only one of the two caused: {differ:#?}");
}

#[test]
fn what_a_guest_with_a_grant_causes_is_seen() {
    if EMULATED {
        println!("not under emulation: the trace would be the emulator's");
        return;
    }
    let place = Place::new();
    let granted = place.path("granted");
    fs::create_dir(&granted).expect("a folder");
    let (calls, ended) = traced(&place, &["--dir", &format!("{}::/", text(&granted)), &sweep(&place)]);
    // It tells by its status that something succeeded.
    assert!(ended.status == Some(1) && !ended.out.contains(" granted 0 "), "{ended:?}");
    let between = &calls[mark(&calls, 7001)..mark(&calls, 7002)];
    let seen = named(between);
    for (call, name) in [("openat2", "attack_sweep"), ("mkdirat", "attack_sweep"), ("unlinkat", "attack_sweep")] {
        assert!(seen.iter().any(|(seen, names)| *seen == call && names.contains(&name)), "{call} of {name}: {seen:#?}");
    }
}
