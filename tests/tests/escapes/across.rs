//! Attack 4: carrying a file from one capability into another, by a hard link or a new name, to have the rights of
//! both.

use super::grants::{dir, puppet, puppet_of};
use super::naive::{self, Without};
use super::puppet::{ALL, Answer, DIR, DIR2, DIRECTORY, Puppet, WRITE};
use super::world::World;
use bailiwick_loader::wasi::{Dir, DirGrant, Errno, Rule};

/// Two folders with a file each.
fn world() -> World {
    let world = World::new();
    world.dir("one/sub").dir("two/sub").file("one/data", b"one").file("two/data", b"two");
    world
}

type Carried = (&'static str, fn(&mut Puppet, u32, u32) -> Answer);

/// What is carried over, and then changed by the rights of the place where it is.
const CARRIED: &[Carried] = &[
    ("a hard link", |p, from, to| {
        p.link(from, "data", to, "carried")?;
        p.write_file(to, "carried", b"changed")
    }),
    ("a new name", |p, from, to| {
        p.rename(from, "data", to, "carried")?;
        p.write_file(to, "carried", b"changed")
    }),
    ("a new name over another file", |p, from, to| p.rename(from, "data", to, "data")),
    ("a hard link into a folder below", |p, from, to| p.link(from, "data", to, "sub/carried")),
    ("a folder's new name", |p, from, to| p.rename(from, "sub", to, "carried")),
    ("a hard link through a folder below", |p, from, to| {
        let below = p.open(to, "sub", DIRECTORY, ALL & !WRITE)?;
        p.link(from, "data", below, "carried")
    }),
];

/// Tries each of them from descriptor 3 to 4 and from 4 to 3.
fn nothing_is_carried(what: &str, dirs: impl Fn(&World) -> [Dir; 2], rules: &[Rule]) {
    for (carried, attempt) in CARRIED {
        for (from, to) in [(DIR, DIR2), (DIR2, DIR)] {
            let what = format!("{what}: {carried} from {from} to {to}");
            let world = world();
            let [one, two] = dirs(&world);
            let (mut puppet, denials) = puppet_of(&[&one, &two]);
            let (within, around) = (world.within(), world.around());
            let errno = attempt(&mut puppet, from, to).expect_err(&what);
            within.is_still(&world.within(), &what);
            around.is_still(&world.around(), &what);
            denials.one_by(rules, &what);
            assert!(errno == Errno::XDEV || rules.contains(&Rule::Grant) && errno == Errno::PERM, "{what}: {errno}");
        }
    }
}

fn one_and_two(world: &World, one: DirGrant, two: DirGrant) -> [Dir; 2] {
    [dir(&world.inside("one"), one), dir(&world.inside("two"), two)]
}

#[test]
fn nothing_goes_between_two_grants() {
    let grants = |world: &World| one_and_two(world, DirGrant::all(), DirGrant::all());
    nothing_is_carried("both writable", grants, &[Rule::OtherCapability]);
    let grants = |world: &World| one_and_two(world, DirGrant::read_only(), DirGrant::all());
    nothing_is_carried("one to read", grants, &[Rule::OtherCapability, Rule::Grant]);
    let grants = |world: &World| one_and_two(world, DirGrant::read_only(), DirGrant::read_only());
    nothing_is_carried("both to read", grants, &[Rule::OtherCapability, Rule::Grant]);
}

#[test]
fn nothing_goes_between_two_grants_of_one_folder() {
    let twice = |world: &World, one, two| [dir(&world.inside("one"), one), dir(&world.inside("one"), two)];
    nothing_is_carried("twice", |w| twice(w, DirGrant::all(), DirGrant::all()), &[Rule::OtherCapability]);
    let grants = |world: &World| twice(world, DirGrant::read_only(), DirGrant::all());
    nothing_is_carried("once to read", grants, &[Rule::OtherCapability, Rule::Grant]);
}

#[test]
fn nothing_goes_between_a_folder_and_one_below() {
    // The outer one has the names of both: what is to be carried is its own.
    let nested = |world: &World, outer, inner| {
        std::fs::write(world.inside("data"), "outer").expect("a file");
        std::fs::create_dir(world.inside("sub")).expect("a folder");
        [dir(&world.granted(), outer), dir(&world.inside("two"), inner)]
    };
    let grants = |world: &World| nested(world, DirGrant::read_only(), DirGrant::all());
    nothing_is_carried("the inner one writable", grants, &[Rule::OtherCapability, Rule::Grant]);
    let grants = |world: &World| nested(world, DirGrant::all(), DirGrant::read_only());
    nothing_is_carried("the outer one writable", grants, &[Rule::OtherCapability, Rule::Grant]);
}

/// Of one tree of capabilities, each is another.
#[test]
fn nothing_goes_between_a_capability_and_what_was_derived_from_it() {
    let derived = |world: &World, sub: &str, grant| {
        std::fs::write(world.inside("data"), "outer").expect("a file");
        std::fs::create_dir(world.inside("sub")).expect("a folder");
        let whole = dir(&world.granted(), DirGrant::all());
        let part = whole.derive(sub, grant).expect("a part");
        [whole, part]
    };
    nothing_is_carried("a part", |w| derived(w, "two", DirGrant::all()), &[Rule::OtherCapability]);
    nothing_is_carried("all of it", |w| derived(w, ".", DirGrant::all()), &[Rule::OtherCapability]);
    let either = [Rule::OtherCapability, Rule::Grant];
    nothing_is_carried("a part to read", |w| derived(w, "two", DirGrant::read_only()), &either);
    nothing_is_carried("all of it to read", |w| derived(w, ".", DirGrant::read_only()), &either);
}

#[test]
fn within_one_grant_everything_goes() {
    for (carried, attempt) in CARRIED {
        let world = world();
        let (mut puppet, denials) = puppet(&[(&world.granted(), DirGrant::all())]);
        let mut open = |path: &str| puppet.open(DIR, path, DIRECTORY, ALL & !WRITE).expect(path);
        let (one, two) = (open("one"), open("two"));
        let before = world.within();
        assert_eq!(attempt(&mut puppet, one, two), Ok(()), "{carried}: {:?}", denials.take());
        assert_ne!(before.changes(&world.within()), "", "{carried}");
        assert_eq!(denials.take(), []);
    }
}

#[test]
fn an_interface_that_knows_no_capabilities_carries() {
    for (carried, attempt) in CARRIED {
        let world = world();
        let (one, two) = (world.inside("one"), world.inside("two"));
        let (imports, _) = naive::imports(Without::Separation, &[&one, &two], Vec::new(), &[]);
        let before = world.within();
        assert_eq!(attempt(&mut Puppet::new(&imports), DIR, DIR2), Ok(()), "the attack is broken: {carried}");
        assert_ne!(before.changes(&world.within()), "", "the attack is broken: {carried}");
    }
}
