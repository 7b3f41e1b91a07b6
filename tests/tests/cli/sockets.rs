//! `--tcp-listen` and `--listen-fds`.

use super::guest::guest;
use super::*;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::time::Duration;

/// Accepts a connection on descriptor `fd`, and sends back what comes first.
fn echo(fd: u32) -> String {
    let body = format!(
        r#"(if (local.tee $errno (call $accept (i32.const {fd}))) (then (call $exit (local.get $errno))))
        (local.set $n (i32.load (i32.const 0)))
        (if (local.tee $errno (call $read (local.get $n) (i32.const 100))) (then (call $exit (local.get $errno))))
        (call $exit (call $write (local.get $n) (i32.const 8192) (i32.load (i32.const 4))))"#
    );
    guest(b"", &body)
}

/// The next line that it says on standard error.
fn next_line(child: &mut Child) -> (String, BufReader<std::process::ChildStderr>) {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    (line, stderr)
}

#[track_caller]
fn echoes(address: &str) {
    let mut connection = TcpStream::connect(address).unwrap();
    // Others may hold the socket open although the run has ended.
    connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    connection.write_all(b"hello").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
}

#[test]
fn a_guest_accepts_connections_to_an_address_that_it_was_granted() {
    let place = Place::new();
    fs::create_dir(place.path("folder")).unwrap();
    let folder = text(&place.path("folder")).to_owned();
    for (options, descriptor) in [(&[][..], 3), (&["--dir-ro", &folder, "--dir", &folder], 5)] {
        let file = place.file("echo.wat", echo(descriptor));
        let mut command = place.command();
        command.arg("run").args(options).args(["--tcp-listen", "127.0.0.1:0"]).arg(&file);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (line, _stderr) = next_line(&mut child);
        let told = line.strip_prefix("bailiwick: listening on ").and_then(|line| line.trim_end().split_once(": "));
        let (address, number) = told.unwrap_or_else(|| panic!("{line:?}"));
        assert_eq!(number, format!("descriptor {descriptor}"));
        assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{address}");
        echoes(address);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn several_addresses_have_descriptors_in_their_order() {
    let place = Place::new();
    let file = place.file("echo.wat", echo(4));
    let mut command = place.command();
    command.args(["run", "--tcp-listen", "127.0.0.1:0", "--tcp-listen", "127.0.0.1:0"]).arg(&file);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let (first, mut stderr) = next_line(&mut child);
    assert!(first.ends_with(": descriptor 3\n"), "{first}");
    let mut second = String::new();
    stderr.read_line(&mut second).unwrap();
    let address = second.strip_prefix("bailiwick: listening on ").and_then(|l| l.strip_suffix(": descriptor 4\n"));
    echoes(address.unwrap_or_else(|| panic!("{second}")));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn without_a_grant_there_is_nothing_to_accept_from() {
    let place = Place::new();
    let file = place.file("echo.wat", echo(3));
    place.run(&[text(&file)]).with(8);
}

#[test]
fn an_address_that_can_not_be_had_is_refused_and_what_is_none_is_wrong_usage() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    place.run(&["--tcp-listen", &address, text(&hello)]).with(3).prints("").says(&["--tcp-listen", &address]);
    for wrong in ["", "80", "localhost:80", "127.0.0.1", "127.0.0.1:port"] {
        place.run(&["--tcp-listen", wrong, text(&hello)]).with(2).prints("").says(&["--tcp-listen"]);
    }
}

/// A run that is passed a descriptor as 3, as a service manager does, with `LISTEN_FDS` and `LISTEN_PID`.
fn passed(place: &Place, fd: &impl AsRawFd, count: &str, arguments: &[&str]) -> Command {
    let raw = fd.as_raw_fd();
    let run = place.command();
    let mut command = Command::new("sh");
    command.args(["-c", "LISTEN_PID=$$ exec \"$@\"", "sh"]).arg(run.get_program()).args(run.get_args());
    command.arg("run").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("LISTEN_FDS", count);
    // SAFETY: between fork and exec, two system calls that are allowed there. The second is for one that is 3 already.
    unsafe {
        command.pre_exec(move || match (libc::dup2(raw, 3), libc::fcntl(3, libc::F_SETFD, 0)) {
            (3, 0) => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        })
    };
    command
}

#[test]
fn a_service_manager_passes_sockets() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = place.file("echo.wat", echo(3));
    let child = passed(&place, &listener, "1", &["--listen-fds", text(&file)]).spawn().unwrap();
    echoes(&listener.local_addr().unwrap().to_string());
    told(child.wait_with_output().unwrap()).with(0).says(&["passed as 3", "descriptor 3"]);
    // Passed, but not granted.
    let child = passed(&place, &listener, "1", &[text(&file)]).spawn().unwrap();
    told(child.wait_with_output().unwrap()).with(8).silently();
}

#[test]
fn what_was_not_passed_or_does_not_listen_is_refused() {
    let place = Place::new();
    let hello = place.file("hello.wat", HELLO);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let null = fs::File::open("/dev/null").unwrap();
    place.run(&["--listen-fds", text(&hello)]).with(3).prints("").says(&["--listen-fds", "LISTEN_PID"]);
    let arguments = ["--listen-fds", text(&hello)];
    let mut command = place.command();
    command.env("LISTEN_PID", "1").env("LISTEN_FDS", "1").arg("run").args(arguments);
    ended(&mut command).with(3).prints("").says(&["LISTEN_PID"]);
    for count in ["", "0", "-1", "x", "1001"] {
        ended(&mut passed(&place, &listener, count, &arguments)).with(3).prints("").says(&["LISTEN_FDS"]);
    }
    ended(&mut passed(&place, &listener, "1000", &arguments)).with(3).prints("").says(&["not open"]);
    ended(&mut passed(&place, &null, "1", &arguments)).with(3).prints("").says(&["descriptor 3", "listening"]);
}
