//! Attack 5: a slash behind a link's name makes the kernel follow it, although it was told not to.

use super::grants::puppet;
use super::naive::{self, Without};
use super::puppet::{ALL, Answer, CREAT, DIR, DIRECTORY, EXCL, FOLLOW, Puppet, READ, TRUNC, WRITE};
use super::world::World;
use bailiwick_loader::wasi::{DirGrant, Errno, Rule};

/// Links that lead outside, to what is there and to what is not.
fn world() -> World {
    let world = World::new();
    world
        .file("own", b"own")
        .dir("dir")
        .link("..", "up")
        .link("../outside", "out")
        .link("../outside/dir/", "slash")
        .link("../seed.json", "seed")
        .link("../made", "dangling")
        .link("up/", "chain")
        .link("slash/.", "chain2")
        .link(world.outside(""), "absolute");
    world
}

/// The links' names with a slash at the end, in its forms.
fn names() -> Vec<String> {
    let links = ["up", "out", "slash", "seed", "dangling", "chain", "chain2", "absolute"];
    let ends = ["/", "//", "/.", "/./", "/.//"];
    links.iter().flat_map(|link| ends.map(|end| format!("{link}{end}"))).collect()
}

type Call = (&'static str, fn(&mut Puppet, &str) -> Answer);

/// Every function that takes a path, in every place that it takes one.
const CALLS: &[Call] = &[
    ("path_open, not following", |p, path| p.open_with(DIR, 0, path.as_bytes(), 0, READ, 0).map(drop)),
    ("path_open, following", |p, path| p.open(DIR, path, 0, READ).map(drop)),
    ("path_open of a folder", |p, path| p.open_with(DIR, 0, path.as_bytes(), DIRECTORY, ALL & !WRITE, 0).map(drop)),
    ("path_open that creates", |p, path| p.open_with(DIR, 0, path.as_bytes(), CREAT, WRITE, 0).map(drop)),
    ("path_open that creates, following", |p, path| p.open(DIR, path, CREAT, WRITE).map(drop)),
    ("path_open of what is new", |p, path| p.open(DIR, path, CREAT | EXCL, WRITE).map(drop)),
    ("path_open that truncates", |p, path| p.open_with(DIR, 0, path.as_bytes(), TRUNC, WRITE, 0).map(drop)),
    ("path_create_directory", |p, path| p.mkdir(DIR, path)),
    ("path_remove_directory", |p, path| p.rmdir(DIR, path)),
    ("path_unlink_file", |p, path| p.unlink(DIR, path)),
    ("path_filestat_get", |p, path| p.stat(DIR, 0, path).map(drop)),
    ("path_filestat_get, following", |p, path| p.stat(DIR, FOLLOW, path).map(drop)),
    ("path_filestat_set_times", |p, path| p.set_times(DIR, 0, path)),
    ("path_filestat_set_times, following", |p, path| p.set_times(DIR, FOLLOW, path)),
    ("path_readlink", |p, path| p.readlink(DIR, path).map(drop)),
    ("path_rename from", |p, path| p.rename(DIR, path, DIR, "new")),
    ("path_rename of a file to", |p, path| p.rename(DIR, "own", DIR, path)),
    ("path_rename of a folder to", |p, path| p.rename(DIR, "dir", DIR, path)),
    ("path_link from", |p, path| p.link(DIR, path, DIR, "new")),
    ("path_link to", |p, path| p.link(DIR, "own", DIR, path)),
    ("path_symlink", |p, path| p.symlink("own", DIR, path)),
];

#[test]
fn a_slash_at_the_end_leads_nowhere() {
    let world = world();
    let (mut puppet, denials) = puppet(&[(&world.granted(), DirGrant::all())]);
    let (within, around) = (world.within(), world.around());
    let mut outside = 0;
    for (call, attempt) in CALLS {
        for path in names() {
            let what = format!("{call} of {path}");
            let errno = attempt(&mut puppet, &path).expect_err(&what);
            within.is_still(&world.within(), &what);
            around.is_still(&world.around(), &what);
            let denied = denials.take();
            let by_outside = denied.iter().any(|denied| denied.rule == Rule::Outside);
            assert_eq!(errno == Errno::NOTCAPABLE, by_outside, "{what}: {errno}, {denied:?}");
            outside += usize::from(by_outside);
        }
    }
    assert!(outside > 100, "{outside} paths were found to lead outside");
    puppet.knows_no_secret();
}

#[test]
fn a_slash_at_the_end_leads_to_what_is_beneath() {
    let world = World::new();
    world.dir("dir").file("dir/file", b"own").link("dir", "link").link("link/", "chain");
    let (mut puppet, denials) = puppet(&[(&world.granted(), DirGrant::all())]);
    for path in ["link/", "chain", "chain/", "link/.", "chain//./"] {
        let fd = puppet.open(DIR, path, DIRECTORY, ALL & !WRITE).expect(path);
        assert_eq!(puppet.read_file(fd, "file").expect(path), b"own");
        assert_eq!(puppet.stat(DIR, 0, path).map(|stat| stat.kind), Ok(if path == "chain" { 7 } else { 3 }), "{path}");
    }
    assert_eq!(denials.take(), []);
}

#[test]
fn an_interface_that_does_not_look_for_slashes_follows_them() {
    let world = world();
    let (imports, _) = naive::imports(Without::Slashes, &[&world.granted()], Vec::new(), &[]);
    let mut puppet = Puppet::new(&imports);
    // Without a slash it does not follow.
    assert_eq!(puppet.open_with(DIR, 0, b"out", DIRECTORY, READ, 0), Err(Errno::IO));
    assert_eq!(puppet.open(DIR, "out/secret", 0, READ), Err(Errno::NOTCAPABLE));
    // With one it reads what is outside, looks at it and changes it.
    let fd = puppet.open_with(DIR, 0, b"out/", DIRECTORY, READ, 0).expect("the attack is broken");
    assert_eq!(puppet.read_file(fd, "secret").expect("to read"), super::world::SECRET.as_bytes());
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(world.outside("")).expect("a folder"));
    assert_eq!(puppet.stat(DIR, 0, "out/").expect("to look").inode, inode);
    let before = world.around();
    puppet.set_times(DIR, 0, "slash/").expect("to date");
    assert_ne!(before.changes(&world.around()), "");
}
