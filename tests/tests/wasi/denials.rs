//! What an auditor is told: every call that failed because something was not granted, why, and none that failed because of
//! the world.

use crate::abi::right::{FD_READ, FD_WRITE};
use crate::abi::{FILE_RIGHTS, Subscription, oflag};
use crate::calls::Open;
use crate::sys::{DIR, Sys};
use crate::world::{World, preopen};
use bailiwick_loader::wasi::{Argument, Dir, DirGrant, DirLimits, DirRights, Rule};
use std::sync::{Arc, Mutex};

/// What was told of one denial: function, error number's name, rule, arguments.
type Told = (String, &'static str, Rule, Vec<(&'static str, Argument)>);

/// A guest with a directory to change ([`DIR`]), the same again, and one to look at, and what its auditor was told.
fn audited(world: &World) -> (Sys, Arc<Mutex<Vec<Told>>>) {
    let told = Arc::<Mutex<Vec<Told>>>::default();
    let log = Arc::clone(&told);
    let sys = Sys::new(|builder| {
        preopen(builder, world, "/all", DirGrant::all());
        preopen(builder, world, "/again", DirGrant::all());
        preopen(builder, world, "/look", DirGrant::read_only());
        builder.host_clocks().stdin_bytes("x");
        builder.capture_stdout(3);
        builder.auditor(move |denial| {
            assert_eq!(denial.module, "wasi_snapshot_preview1");
            let arguments = denial.arguments.to_vec();
            log.lock().unwrap().push((denial.function.to_owned(), denial.errno.name(), denial.rule, arguments));
        });
    });
    (sys.keeping(world), told)
}

fn world() -> World {
    let world = World::with(&["file", "other"]);
    world.dir("sub");
    world.link("..", "up");
    world.link("/etc", "etc");
    let path = std::ffi::CString::new(world.path("fifo").to_str().unwrap()).unwrap();
    // SAFETY: a C string that lives through the call.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    world
}

/// Makes the call, which must be denied, and asserts what the auditor was told of it.
#[track_caller]
fn denied(call: impl FnOnce(&mut Sys) -> bool, function: &str, errno: &str, rule: Rule) {
    let (mut sys, told) = audited(&world());
    assert!(call(&mut sys), "the call was not refused");
    let told = told.lock().unwrap();
    let brief: Vec<(&str, &str, Rule)> = told.iter().map(|told| (told.0.as_str(), told.1, told.2)).collect();
    assert_eq!(brief, [(function, errno, rule)]);
}

#[test]
fn each_denial_has_its_rule() {
    const LOOK: u32 = DIR + 2;
    denied(|sys| sys.fd_read(99, 1).is_err(), "fd_read", "BADF", Rule::NoDescriptor);
    denied(
        |sys| sys.path_create_directory(u32::MAX, "x").is_err(),
        "path_create_directory",
        "BADF",
        Rule::NoDescriptor,
    );
    for path in ["/etc/passwd", "..", "../x", "up/x", "etc/passwd", "sub/../../x"] {
        let open = |sys: &mut Sys| sys.path_open(DIR, path, Open::rights(FD_READ)).is_err();
        denied(open, "path_open", "NOTCAPABLE", Rule::Outside);
        denied(|sys| sys.path_filestat_get(DIR, 1, path).is_err(), "path_filestat_get", "NOTCAPABLE", Rule::Outside);
    }
    denied(|sys| sys.path_unlink_file(DIR, "../x").is_err(), "path_unlink_file", "NOTCAPABLE", Rule::Outside);
    denied(|sys| sys.path_rename(DIR, "file", DIR, "../x").is_err(), "path_rename", "NOTCAPABLE", Rule::Outside);
    let open = |sys: &mut Sys| sys.path_open(DIR, "fifo", Open::rights(FD_READ)).is_err();
    denied(open, "path_open", "NOTCAPABLE", Rule::SpecialFile);
    denied(|sys| sys.path_link(DIR, "file", DIR + 1, "x").is_err(), "path_link", "XDEV", Rule::OtherCapability);
    denied(|sys| sys.path_rename(DIR, "file", DIR + 1, "x").is_err(), "path_rename", "XDEV", Rule::OtherCapability);
    denied(|sys| sys.path_symlink("/etc", DIR, "x").is_err(), "path_symlink", "NOTCAPABLE", Rule::AbsoluteTarget);
    denied(|sys| sys.path_create_directory(LOOK, "x").is_err(), "path_create_directory", "PERM", Rule::Grant);
    denied(|sys| sys.path_unlink_file(LOOK, "file").is_err(), "path_unlink_file", "PERM", Rule::Grant);
    let open = |sys: &mut Sys| sys.path_open(LOOK, "file", Open::rights(FD_WRITE)).is_err();
    denied(open, "path_open", "PERM", Rule::Grant);
    let open = |sys: &mut Sys| sys.path_open(LOOK, "file", Open::rights(0).oflags(oflag::TRUNC)).is_err();
    denied(open, "path_open", "PERM", Rule::Grant);
}

#[test]
fn what_the_guest_gave_up_is_denied_by_its_rights() {
    let given_up = |sys: &mut Sys| {
        sys.fd_fdstat_set_rights(DIR, 0, 0).unwrap();
        sys.path_create_directory(DIR, "x").is_err()
    };
    denied(given_up, "path_create_directory", "NOTCAPABLE", Rule::Rights);
    denied(
        |sys| sys.fd_fdstat_set_rights(DIR, u64::MAX, 0).is_err(),
        "fd_fdstat_set_rights",
        "NOTCAPABLE",
        Rule::Rights,
    );
    let write = |sys: &mut Sys| {
        let fd = sys.path_open(DIR, "file", Open::rights(FD_READ)).unwrap();
        sys.fd_write(fd, "x").is_err()
    };
    denied(write, "fd_write", "BADF", Rule::Rights);
}

#[test]
fn a_rename_that_must_not_replace_is_a_denial() {
    let world = World::with(&["file", "other"]);
    let told = Arc::<Mutex<Vec<(String, Rule)>>>::default();
    let log = Arc::clone(&told);
    let mut sys = Sys::new(|builder| {
        preopen(builder, &world, "/", DirGrant::of(DirRights::RENAME));
        builder.auditor(move |denial| log.lock().unwrap().push((denial.function.to_owned(), denial.rule)));
    });
    assert!(sys.path_rename(DIR, "file", DIR, "other").is_err());
    assert_eq!(*told.lock().unwrap(), [("path_rename".to_owned(), Rule::Grant)]);
    assert_eq!(sys.path_rename(DIR, "file", DIR, "new"), Ok(()));
}

#[test]
fn quotas_and_revocation_are_denials() {
    let world = World::with(&["file"]);
    let told = Arc::<Mutex<Vec<(String, Rule)>>>::default();
    let log = Arc::clone(&told);
    let limits = DirLimits { max_bytes: Some(0), max_open: Some(1) };
    let dir = Dir::open(world.fd(), DirGrant { limits, ..DirGrant::all() }).unwrap();
    let mut sys = Sys::new(|builder| {
        builder.preopen(&dir, "/").unwrap();
        builder.auditor(move |denial| log.lock().unwrap().push((denial.function.to_owned(), denial.rule)));
    });
    let fd = sys.path_open(DIR, "file", Open::file()).unwrap();
    assert!(sys.fd_pwrite(fd, "longer than before", 0).is_ok_and(|written| written == 4));
    assert!(sys.fd_pwrite(fd, "x", 4).is_err());
    assert!(sys.fd_filestat_set_size(fd, 5).is_err());
    assert!(sys.path_create_directory(DIR, "new").is_err());
    assert!(sys.path_open(DIR, "file", Open::file()).is_err());
    dir.revoke();
    assert!(sys.fd_read(fd, 1).is_err());
    assert!(sys.path_unlink_file(DIR, "file").is_err());
    let expected = [
        ("fd_pwrite", Rule::Bytes),
        ("fd_filestat_set_size", Rule::Bytes),
        ("path_create_directory", Rule::Bytes),
        ("path_open", Rule::Descriptors),
        ("fd_read", Rule::Revoked),
        ("path_unlink_file", Rule::Revoked),
    ];
    assert_eq!(*told.lock().unwrap(), expected.map(|(function, rule)| (function.to_owned(), rule)));
}

#[test]
fn limits_are_denials() {
    let full = |sys: &mut Sys| {
        while sys.path_open(DIR, "file", Open::rights(FD_READ)).is_ok() {}
        true
    };
    denied(full, "path_open", "MFILE", Rule::Descriptors);
    let capture = |sys: &mut Sys| sys.fd_write(1, "123").is_ok() && sys.fd_write(1, "4").is_err();
    denied(capture, "fd_write", "NOSPC", Rule::HostMemory);
}

#[test]
fn errors_of_the_world_and_bad_arguments_are_no_denials() {
    let (mut sys, told) = audited(&world());
    assert!(sys.path_open(DIR, "gone", Open::rights(FD_READ)).is_err());
    assert!(sys.path_open(DIR, "file/x", Open::rights(FD_READ)).is_err());
    assert!(sys.path_open(DIR, "file", Open::rights(FILE_RIGHTS).oflags(oflag::CREAT | oflag::EXCL)).is_err());
    assert!(sys.path_open(DIR, "file", Open::rights(FD_READ).oflags(0x10)).is_err());
    assert!(sys.path_create_directory(DIR, "sub").is_err());
    assert!(sys.path_remove_directory(DIR, "file").is_err());
    assert!(sys.path_unlink_file(DIR, "").is_err());
    let file = sys.path_open(DIR, "file", Open::file()).unwrap();
    assert!(sys.path_open(file, "x", Open::rights(0)).is_err());
    assert!(sys.fd_seek(file, -1, 0).is_err());
    assert!(sys.fd_seek(0, 1, 0).is_err());
    assert!(sys.fd_readv(0, &[(u32::MAX, 9)]).is_err());
    assert!(sys.clock_time_get(9).is_err());
    assert!(sys.poll_oneoff(&[]).is_err());
    assert!(sys.sock_shutdown(DIR, 1).is_err());
    assert!(sys.proc_raise(1).is_err());
    // A search for what was granted ends so, in every program.
    assert!((3..).find(|&fd| sys.fd_prestat_get(fd).is_err()).is_some());
    let told = told.lock().unwrap();
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn arguments_are_told_by_name_with_paths_as_text() {
    let (mut sys, told) = audited(&world());
    sys.path_open(DIR, "../größe", Open::rights(FD_READ)).unwrap_err();
    sys.path_rename(DIR, "file", DIR + 1, "new").unwrap_err();
    sys.path_symlink("/etc", DIR, "link").unwrap_err();
    let told = told.lock().unwrap();
    let paths = |index: usize| -> Vec<(&str, &str)> {
        let arguments: &Vec<(&'static str, Argument)> = &told[index].3;
        arguments
            .iter()
            .filter_map(|(name, argument)| match argument {
                Argument::Path(path) => Some((*name, path.as_str())),
                Argument::Number(_) => None,
            })
            .collect()
    };
    assert_eq!(paths(0), [("path", "../größe")]);
    assert_eq!(paths(1), [("old", "file"), ("new", "new")]);
    assert_eq!(paths(2), [("target", "/etc"), ("path", "link")]);
    assert!(told[0].3.contains(&("fd", Argument::Number(DIR.into()))));
}

#[test]
fn a_denied_subscription_is_told_too() {
    let (mut sys, told) = audited(&world());
    let events = sys.poll_oneoff(&[Subscription::read(1, 99), Subscription::write(2, 1)]).unwrap();
    assert_eq!(events.len(), 2);
    let told = told.lock().unwrap();
    let brief: Vec<(&str, &str, Rule)> = told.iter().map(|told| (told.0.as_str(), told.1, told.2)).collect();
    assert_eq!(brief, [("poll_oneoff", "BADF", Rule::NoDescriptor)]);
}
