//! What looks like a file and is none: FIFOs, devices, sockets, file systems of the kernel, links into processes,
//! mounts.

use super::grants::{Denials, dir, puppet, puppet_of};
use super::host::{device_zero, fifo, is_root, open_dir};
use super::naive::{self, Without};
use super::puppet::{ALL, APPEND, Answer, CREAT, DIR, DIRECTORY, FOLLOW, Puppet, READ, TRUNC, WRITE};
use super::world::World;
use crate::common::{Ended, child, ended, task, text};
use bailiwick_loader::wasi::{DeriveError, Dir, DirGrant, Errno, PreopenError, Rule};
use std::fs::{self, File};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Every way of opening `path` that there is.
fn open_in_every_way(puppet: &mut Puppet, path: &str) -> Vec<Answer<u32>> {
    let mut answers = Vec::new();
    for rights in [0, READ, WRITE, READ | WRITE, ALL] {
        for oflags in [0, CREAT, TRUNC, CREAT | TRUNC, DIRECTORY] {
            for (lookup, fdflags) in [(0, 0), (FOLLOW, 0), (FOLLOW, APPEND)] {
                answers.push(puppet.open_with(DIR, lookup, path.as_bytes(), oflags, rights, fdflags));
            }
        }
    }
    answers
}

/// Fails unless `path` can't be opened, because of what it is.
#[track_caller]
fn is_never_opened(puppet: &mut Puppet, denials: &Denials, path: &str) {
    for answer in open_in_every_way(puppet, path) {
        let errno = answer.expect_err(path);
        assert!([Errno::NOTCAPABLE, Errno::NOTDIR, Errno::LOOP].contains(&errno), "{path}: {errno}");
    }
    let denied = denials.take();
    assert!(!denied.is_empty() && denied.iter().all(|denied| denied.rule == Rule::SpecialFile), "{path}: {denied:?}");
}

#[test]
fn a_fifo_is_never_opened_and_nobody_who_waits_for_it_is_woken() {
    let world = World::new();
    fifo(&world.inside("fifo"));
    world.link("fifo", "link");
    let (mut puppet, denials) = puppet(&[(&world.granted(), DirGrant::all())]);
    let (woken, wakes) = channel();
    let path = world.inside("fifo");
    let reader = std::thread::spawn(move || {
        // Waits until somebody opens it for writing.
        let opened = File::open(path);
        woken.send(()).expect("somebody listens");
        opened.map(drop)
    });
    let not_woken = || wakes.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout);
    assert!(not_woken());
    for path in ["fifo", "link", "./fifo"] {
        is_never_opened(&mut puppet, &denials, path);
        assert!(not_woken(), "{path}");
    }
    // It can be looked at, and its name is a name.
    assert_eq!(puppet.stat(DIR, FOLLOW, "fifo").expect("to look").kind, 0);
    puppet.rename(DIR, "fifo", DIR, "renamed").expect("to rename");
    assert!(not_woken());
    // The control: an interface that just opens it wakes the reader.
    let (imports, _) = naive::imports(Without::Links, &[&world.granted()], Vec::new(), &[]);
    Puppet::new(&imports).open(DIR, "renamed", 0, WRITE).expect("the attack is broken");
    wakes.recv_timeout(Duration::from_secs(60)).expect("the attack is broken");
    reader.join().expect("it ends").expect("it was opened");
}

#[test]
fn a_socket_is_never_opened() {
    let world = World::new();
    let listener = UnixListener::bind(world.inside("socket")).expect("a socket");
    listener.set_nonblocking(true).expect("to set");
    let (mut puppet, denials) = puppet(&[(&world.granted(), DirGrant::all())]);
    is_never_opened(&mut puppet, &denials, "socket");
    assert!(listener.accept().is_err(), "nobody came");
    UnixStream::connect(world.inside("socket")).expect("it is there");
}

#[test]
fn a_device_is_never_opened() {
    let world = World::new();
    if !device_zero(&world.inside("device")) {
        println!("skipped: no device can be made here, which takes root");
        return;
    }
    let (mut puppet, denials) = puppet(&[(&world.granted(), DirGrant::all())]);
    is_never_opened(&mut puppet, &denials, "device");
    // A hard link to it is no better.
    puppet.link(DIR, "device", DIR, "link").expect("to link");
    is_never_opened(&mut puppet, &denials, "link");
    let (imports, _) = naive::imports(Without::Links, &[&world.granted()], Vec::new(), &[]);
    let naive = Puppet::new(&imports).read_file(DIR, "device");
    match naive {
        Ok(zeros) => assert!(zeros.len() > 1000 && zeros.iter().all(|&byte| byte == 0)),
        // Folders for temporary files are often mounted without devices.
        Err(_) => println!("no control: the file system is mounted without devices"),
    }
}

#[test]
fn a_file_system_of_the_kernel_is_not_granted() {
    for path in ["/proc", "/proc/self", "/proc/self/fd", "/proc/self/task", "/proc/sys/kernel", "/sys", "/sys/kernel"] {
        if !Path::new(path).is_dir() {
            continue;
        }
        for grant in [DirGrant::all(), DirGrant::read_only(), DirGrant { cross_mounts: true, ..DirGrant::all() }] {
            let refused = Dir::open(open_dir(Path::new(path)), grant);
            assert!(matches!(refused, Err(PreopenError::ForbiddenFileSystem { .. })), "{path}: {refused:?}");
        }
    }
}

/// Links of procfs, and others into it, which lead to what a process has open.
#[test]
fn links_into_processes_lead_nowhere() {
    let world = World::new();
    let secret = File::open(world.outside("secret")).expect("a file");
    let outside = open_dir(&world.outside(""));
    let numbers = [std::os::fd::AsRawFd::as_raw_fd(&secret), std::os::fd::AsRawFd::as_raw_fd(&outside)];
    let up = "../".repeat(40);
    let mut links = Vec::new();
    for (i, target) in [
        format!("/proc/self/fd/{}", numbers[0]),
        format!("/proc/self/fd/{}", numbers[1]),
        format!("{up}proc/self/fd/{}", numbers[0]),
        format!("{up}proc/self/root"),
        "/proc/self/root".to_owned(),
        "/proc/self/cwd".to_owned(),
        "/proc/self/exe".to_owned(),
        "/dev/fd/0".to_owned(),
        "/dev/stdin".to_owned(),
        "/proc/thread-self/mem".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        links.push(format!("link{i}"));
        world.link(target, &links[i]);
    }
    let around = world.around();
    for cross_mounts in [false, true] {
        let grant = DirGrant { cross_mounts, ..DirGrant::all() };
        let (mut puppet, denials) = puppet(&[(&world.granted(), grant)]);
        for link in &links {
            for path in [link.clone(), format!("{link}/"), format!("{link}/secret"), format!("{link}/etc/passwd")] {
                for oflags in [0, CREAT, DIRECTORY, TRUNC] {
                    assert_eq!(puppet.open(DIR, &path, oflags, READ), Err(Errno::NOTCAPABLE), "{path}");
                }
                assert_eq!(puppet.stat(DIR, FOLLOW, &path), Err(Errno::NOTCAPABLE), "{path}");
                assert_eq!(puppet.set_times(DIR, FOLLOW, &path), Err(Errno::NOTCAPABLE), "{path}");
            }
        }
        assert!(denials.take().iter().all(|denied| denied.rule == Rule::Outside));
        puppet.knows_no_secret();
    }
    around.is_still(&world.around(), "links into processes");
    let (imports, _) = naive::imports(Without::Links, &[&world.granted()], Vec::new(), &[]);
    let read = Puppet::new(&imports).read_file(DIR, "link0").expect("the attack is broken");
    assert_eq!(read, super::world::SECRET.as_bytes());
}

/// The host's root, for reading: what is mounted below it is not.
#[test]
fn the_root_is_granted_without_the_kernels_file_systems() {
    let root = Path::new("/");
    for cross_mounts in [false, true] {
        let grant = DirGrant { cross_mounts, ..DirGrant::read_only() };
        let (mut puppet, denials) = puppet(&[(root, grant)]);
        for path in [
            "proc",
            "proc/",
            "proc/.",
            "proc/self",
            "proc/self/mem",
            "proc/self/environ",
            "proc/self/root/etc/passwd",
            "proc/self/cwd",
            "proc/self/fd/0",
            "proc/self/exe",
            "proc/sys/kernel/hostname",
            "sys",
            "sys/kernel",
            "dev/pts/ptmx",
        ] {
            if !root.join(path).exists() && !path.contains("proc") {
                continue;
            }
            for answer in [
                puppet.open(DIR, path, 0, READ).map(drop),
                puppet.open(DIR, path, DIRECTORY, ALL & !WRITE).map(drop),
                puppet.open(DIR, path, 0, 0).map(drop),
                puppet.stat(DIR, FOLLOW, path).map(drop),
                puppet.readlink(DIR, path).map(drop),
            ] {
                let errno = answer.expect_err(path);
                assert!([Errno::NOTCAPABLE, Errno::LOOP].contains(&errno), "{path}: {errno}");
            }
            let rules =
                if cross_mounts { [Rule::KernelFileSystem, Rule::Outside] } else { [Rule::Mount, Rule::Outside] };
            let denied = denials.take();
            assert!(denied.iter().all(|denied| rules.contains(&denied.rule)), "{path}: {denied:?}");
        }
    }
    // The control: it can be read, by who is not kept from it.
    let (imports, _) = naive::imports(Without::Links, &[root], Vec::new(), &[]);
    let environment = Puppet::new(&imports).read_file(DIR, "proc/self/environ").expect("the attack is broken");
    assert!(!environment.is_empty());
}

/// Runs a test of this file in a child that has mounts of its own; `None` if that can't be had here.
fn with_own_mounts(name: &str) -> Option<Ended> {
    let inner = child(name, "mounts");
    // Root has them at once, others as root of a namespace of their own.
    for options in [&["--mount"][..], &["--mount", "--user", "--map-root-user"]] {
        let mut probe = Command::new("unshare");
        if !probe
            .args(options)
            .args(["mount", "-t", "tmpfs", "none", "/mnt"])
            .output()
            .is_ok_and(|o| o.status.success())
        {
            continue;
        }
        let mut command = Command::new("unshare");
        command.args(options).args(["--propagation", "private", "--"]).arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        return Some(ended(command.stdin(std::process::Stdio::null())));
    }
    println!("skipped: no mounts of one's own can be had here (unshare --mount)");
    None
}

/// Mounts something; false if the kernel does not have it, or not for us.
fn mount(arguments: &[&str]) -> bool {
    Command::new("mount").args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Every function that takes a path, on `path` in a mounted folder; how many succeeded.
fn everything_at(puppet: &mut Puppet, path: &str) -> usize {
    let below = |name: &str| format!("{path}/{name}");
    [
        puppet.open(DIR, path, 0, READ).map(drop),
        puppet.open(DIR, path, DIRECTORY, ALL & !WRITE).map(drop),
        puppet.open(DIR, &below("file"), 0, READ).map(drop),
        puppet.open(DIR, &below("file"), TRUNC, WRITE).map(drop),
        puppet.open(DIR, &below("new"), CREAT, WRITE).map(drop),
        puppet.stat(DIR, FOLLOW, path).map(drop),
        puppet.stat(DIR, 0, path).map(drop),
        puppet.stat(DIR, 0, &below("file")).map(drop),
        puppet.set_times(DIR, 0, path),
        puppet.set_times(DIR, 0, &below("file")),
        puppet.mkdir(DIR, &below("made")),
        puppet.symlink("file", DIR, &below("symlink")),
        puppet.link(DIR, &below("file"), DIR, &below("hard")),
        puppet.link(DIR, &below("file"), DIR, "hard"),
        puppet.link(DIR, "own", DIR, &below("own")),
        puppet.rename(DIR, &below("file"), DIR, "stolen"),
        puppet.rename(DIR, "own", DIR, &below("own")),
        puppet.rename(DIR, &below("file"), DIR, &below("renamed")),
        puppet.readlink(DIR, &below("symlink")).map(drop),
        puppet.unlink(DIR, &below("renamed")),
        puppet.unlink(DIR, &below("file")),
        puppet.rmdir(DIR, &below("made")),
        puppet.rmdir(DIR, path),
        puppet.rename(DIR, path, DIR, "moved"),
    ]
    .iter()
    .filter(|answer| answer.is_ok())
    .count()
}

#[test]
fn a_mount_beneath_is_another_place() {
    const NAME: &str = "special::a_mount_beneath_is_another_place";
    if task().is_none() {
        if let Some(ended) = with_own_mounts(NAME) {
            ended.with(0);
        }
        return;
    }
    let world = World::new();
    world.dir("mount").file("own", "own").file("mounted", "");
    let (mut early, early_denials) = puppet(&[(&world.granted(), DirGrant::all())]);
    assert!(mount(&["--bind", text(&world.outside("dir")), text(&world.inside("mount"))]));
    assert!(mount(&["--bind", text(&world.outside("secret")), text(&world.inside("mounted"))]), "a file's mount");
    let (mut late, late_denials) = puppet(&[(&world.granted(), DirGrant::all())]);
    let (around, within) = (world.around(), world.within());
    for (puppet, denials) in [(&mut early, &early_denials), (&mut late, &late_denials)] {
        assert_eq!(everything_at(puppet, "mount"), 0);
        for path in ["mounted", "mount/../mounted"] {
            assert!(puppet.read_file(DIR, path).is_err());
            assert!(puppet.open(DIR, path, TRUNC, WRITE).is_err());
            assert!(puppet.stat(DIR, FOLLOW, path).is_err());
            assert!(puppet.link(DIR, path, DIR, "hard").is_err());
            assert!(puppet.rename(DIR, path, DIR, "moved").is_err());
            assert!(puppet.unlink(DIR, path).is_err());
        }
        let denied = denials.take();
        assert!(denied.iter().all(|denied| [Rule::Mount, Rule::Outside].contains(&denied.rule)), "{denied:?}");
        assert!(denied.iter().filter(|denied| denied.rule == Rule::Mount).count() > 15, "{denied:?}");
        puppet.knows_no_secret();
    }
    around.is_still(&world.around(), "a mount");
    within.is_still(&world.within(), "a mount");
    // The control: whoever is granted mounts reaches and changes them.
    let (mut puppet, _) = puppet(&[(&world.granted(), DirGrant { cross_mounts: true, ..DirGrant::all() })]);
    assert!(everything_at(&mut puppet, "mount") > 10);
    assert_ne!(around.changes(&world.around()), "");
    // A directory can be derived where it may be walked to.
    let all = dir(&world.granted(), DirGrant::all());
    assert!(matches!(all.derive("mount", DirGrant::all()), Err(DeriveError::Outside { .. })));
    let across = dir(&world.granted(), DirGrant { cross_mounts: true, ..DirGrant::all() });
    assert!(across.derive("mount", DirGrant::read_only()).is_ok());
}

#[test]
fn a_kernels_file_system_beneath_is_out_of_reach() {
    const NAME: &str = "special::a_kernels_file_system_beneath_is_out_of_reach";
    if task().is_none() {
        if let Some(ended) = with_own_mounts(NAME) {
            print!("{}", ended.with(0).out);
        }
        return;
    }
    let world = World::new();
    world.file("own", "own").dir("kernel").dir("bound");
    let grant = DirGrant { cross_mounts: true, ..DirGrant::all() };
    let mut tried = Vec::new();
    for (kind, below) in [
        ("proc", &["self", "self/mem", "self/environ", "self/fd/0", "self/cwd", "self/root/etc/passwd", "sys/vm"][..]),
        ("sysfs", &["kernel", "class", "fs/cgroup"]),
        ("cgroup2", &["cgroup.procs"]),
        ("cgroup", &["cgroup.procs", "tasks"]),
        ("debugfs", &[]),
        ("tracefs", &[]),
        ("securityfs", &[]),
        ("configfs", &[]),
        ("bpf", &[]),
        ("pstore", &[]),
        ("devpts", &["ptmx"]),
        ("mqueue", &[]),
        ("binfmt_misc", &["register"]),
        ("fusectl", &[]),
    ] {
        let place = world.inside("kernel");
        let options = if kind == "cgroup" { &["-o", "none,name=attack"][..] } else { &[] };
        let mounted = mount(&[&["-t", kind, "none", text(&place)][..], options].concat());
        if !mounted {
            continue;
        }
        tried.push(kind);
        let names = || -> Vec<String> {
            let mut names: Vec<String> = fs::read_dir(&place)
                .map(|entries| {
                    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
                })
                .unwrap_or_default();
            // Processes come and go.
            names.retain(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
            names.sort();
            names
        };
        let before = names();
        let (mut puppet, denials) = puppet(&[(&world.granted(), grant)]);
        assert_eq!(everything_at(&mut puppet, "kernel"), 0, "{kind}");
        for path in below {
            assert_eq!(everything_at(&mut puppet, &format!("kernel/{path}")), 0, "{kind}: {path}");
        }
        let denied = denials.take();
        let rules = [Rule::KernelFileSystem, Rule::Outside];
        assert!(denied.iter().all(|denied| rules.contains(&denied.rule)), "{kind}: {denied:?}");
        assert!(
            denied.iter().filter(|denied| denied.rule == Rule::KernelFileSystem).count() > 15,
            "{kind}: {denied:?}"
        );
        assert_eq!(names(), before, "{kind}: what is there has changed");
        let derived = dir(&world.granted(), grant).derive("kernel", DirGrant::read_only());
        assert!(matches!(derived, Err(DeriveError::ForbiddenFileSystem { .. })), "{kind}: {derived:?}");
        assert!(matches!(Dir::open(open_dir(&place), grant), Err(PreopenError::ForbiddenFileSystem { .. })), "{kind}");
        assert!(Command::new("umount").arg("--lazy").arg(&place).status().is_ok_and(|status| status.success()));
    }
    // One folder or file of it, bound to a place of its own.
    if is_root() && mount(&["--bind", "/proc/self", text(&world.inside("bound"))]) {
        let (mut puppet, _) = puppet(&[(&world.granted(), grant)]);
        assert_eq!(everything_at(&mut puppet, "bound"), 0);
        assert!(puppet.open(DIR, "bound/mem", 0, READ | WRITE).is_err());
    }
    println!("kernel file systems tried: {tried:?}");
    assert!(tried.contains(&"proc") || !is_root());
}

#[test]
fn a_mount_over_the_granted_folder_is_not_what_was_granted() {
    const NAME: &str = "special::a_mount_over_the_granted_folder_is_not_what_was_granted";
    if task().is_none() {
        if let Some(ended) = with_own_mounts(NAME) {
            ended.with(0);
        }
        return;
    }
    let world = World::new();
    world.dir("sub").file("sub/file", "granted");
    let shared = dir(&world.granted(), DirGrant::all());
    let (mut early, _) = puppet_of(&[&shared]);
    assert!(mount(&["--bind", text(&world.outside("")), text(&world.granted())]));
    let (mut late, _) = puppet_of(&[&shared]);
    let around = world.around();
    for puppet in [&mut early, &mut late] {
        assert_eq!(puppet.read_file(DIR, "sub/file").expect("to read"), b"granted");
        assert!(puppet.read_file(DIR, "secret").is_err());
        assert!(puppet.open(DIR, "../granted/secret", 0, READ).is_err());
        assert!(puppet.open(DIR, "sub/../../granted/made", CREAT, WRITE).is_err());
        puppet.knows_no_secret();
    }
    around.is_still(&world.around(), "a mount over the folder");
}
