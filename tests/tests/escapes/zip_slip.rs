//! Attack 2: an archive whose names lead outside, unpacked by a program that believes them.
//!
//! The control of each entry is the same program over an interface without one defence.

use super::grants::{Denied, builder, bytes, dir, imports, only, run};
use super::naive::{self, Without};
use super::world::World;
use bailiwick_loader::wasi::{DirGrant, DirRights, Errno, Rule};
use std::collections::BTreeSet;
use std::fs;

/// An archive as `guests/attack_zip_slip.c` reads it.
#[derive(Clone, Default)]
struct Archive {
    bytes: Vec<u8>,
    kinds: Vec<u8>,
}

impl Archive {
    fn entry(mut self, kind: u8, name: &[u8], target: &[u8], piece: &[u8], times: u32) -> Archive {
        self.bytes.push(kind);
        for text in [name, target] {
            self.bytes.extend_from_slice(&u16::try_from(text.len()).expect("a short name").to_le_bytes());
            self.bytes.extend_from_slice(text);
        }
        self.bytes.extend_from_slice(&(piece.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(piece);
        self.bytes.extend_from_slice(&times.to_le_bytes());
        self.kinds.push(kind);
        self
    }

    fn file(self, name: impl AsRef<[u8]>) -> Archive {
        self.entry(b'f', name.as_ref(), b"", b"evil", 1)
    }

    fn symlink(self, target: &str, name: &str) -> Archive {
        self.entry(b's', name.as_bytes(), target.as_bytes(), b"", 0)
    }

    fn hard_link(self, kind: u8, target: &str, name: &str) -> Archive {
        self.entry(kind, name.as_bytes(), target.as_bytes(), b"", 0)
    }

    /// As the guest reads it.
    fn finished(&self) -> Vec<u8> {
        [self.bytes.as_slice(), b"e"].concat()
    }

    /// What the guest printed of its entries: the error number of each, and how many bytes were written.
    fn results(&self, printed: &[u8]) -> Vec<(u16, u64)> {
        let text = String::from_utf8(printed.to_vec()).expect("text");
        let entries = text.lines().map(|line| {
            let mut numbers = line.split_whitespace().skip(1).map(|word| word.parse::<u64>().expect("a number"));
            let mut number = || numbers.next().expect("two numbers");
            (number() as u16, number())
        });
        let entries: Vec<_> = entries.collect();
        assert_eq!(entries.len(), self.kinds.len(), "{text}");
        entries
    }
}

/// One way to write outside.
struct Attack {
    what: &'static str,
    archive: Archive,
    /// How its last entry ends, where links may be made, and by which rules anything of it is denied.
    last: Option<Errno>,
    rules: &'static [Rule],
    /// Without which defence it gets outside; none if nobody gets there: the kernel, or the name, is against it.
    control: Option<Without>,
}

/// The last entry leads outside.
const OUTSIDE: (Option<Errno>, &[Rule]) = (Some(Errno::NOTCAPABLE), &[Rule::Outside]);
/// An entry before it was denied, so that the last one is harmless, and done.
const OUTSIDE_BEFORE: (Option<Errno>, &[Rule]) = (None, &[Rule::Outside]);
const HARMLESS: (Option<Errno>, &[Rule]) = (None, &[]);

fn fails(errno: Errno) -> (Option<Errno>, &'static [Rule]) {
    (Some(errno), &[])
}

fn attacks(world: &World) -> Vec<Attack> {
    let outer = world.outer().to_str().expect("UTF-8");
    let absolute = |path: &str| format!("{outer}/{path}");
    let a = Archive::default;
    let anything = Some(Without::Anything);
    let links = Some(Without::Links);
    let encoding = Some(Without::Encoding);
    let table = [
        ("up", a().file("../evil.js"), OUTSIDE, anything),
        ("up from a folder below", a().file("a/../../evil.js"), OUTSIDE, anything),
        ("up, down again and up", a().file("../granted/../evil.js"), OUTSIDE, anything),
        ("absolute", a().file(absolute("evil.js")), OUTSIDE, anything),
        ("backslashes are letters", a().file("..\\evil.js"), HARMLESS, None),
        ("a drive is a name", a().file("C:\\evil.js"), HARMLESS, None),
        (
            "an absolute link, then through it",
            a().symlink(&absolute("outside"), "ln").file("ln/evil"),
            (None, &[Rule::AbsoluteTarget][..]),
            links,
        ),
        ("a link up, then through it", a().symlink("..", "up").file("up/evil.js"), OUTSIDE, links),
        ("a link up, then deep through it", a().symlink("..", "up").file("up/outside/dir/evil"), OUTSIDE, links),
        ("a link to a file outside", a().symlink("../seed.json", "seed").file("seed"), OUTSIDE, links),
        ("a link to where nothing is", a().symlink("../made.js", "new").file("new"), OUTSIDE, links),
        (
            "links in a chain, with a slash",
            a().symlink("evil/", "link1").symlink("../outside", "evil").file("link1/evil.js"),
            OUTSIDE,
            links,
        ),
        (
            "a link in a folder below",
            a().file("a/ok").symlink("../../outside", "a/out").file("a/out/evil.js"),
            OUTSIDE,
            links,
        ),
        ("a folder through a link", a().symlink("..", "up").entry(b'd', b"up/evil", b"", b"", 0), OUTSIDE, links),
        ("a link through a link", a().symlink("..", "up").symlink("..", "up/evil"), OUTSIDE, links),
        (
            "a hard link from outside",
            a().hard_link(b'h', "../seed.json", "hard").file("hard"),
            OUTSIDE_BEFORE,
            anything,
        ),
        ("a hard link to outside", a().file("x").hard_link(b'h', "x", "../evil"), OUTSIDE, anything),
        (
            "a hard link of a link",
            a().symlink("../seed.json", "ln").hard_link(b'h', "ln", "hard").file("hard"),
            OUTSIDE,
            links,
        ),
        (
            "a hard link through a link",
            a().symlink("../outside", "ln").hard_link(b'h', "ln/secret", "hard").file("hard"),
            OUTSIDE_BEFORE,
            links,
        ),
        (
            "a hard link to where a link leads",
            a().symlink("../seed.json", "ln").hard_link(b'H', "ln", "hard").file("hard"),
            HARMLESS,
            links,
        ),
        ("a NUL", a().file(b"evil\0.txt"), fails(Errno::INVAL), None),
        ("a NUL behind a link", a().symlink("../seed.json", "s").file(b"s\0.txt"), fails(Errno::INVAL), encoding),
        ("an overlong slash", a().file(b"..\xc0\xafevil.js"), fails(Errno::ILSEQ), encoding),
        ("overlong dots", a().file(b"\xc0\xae\xc0\xae/evil.js"), fails(Errno::ILSEQ), encoding),
        ("what is no UTF-8", a().file(b"a\xff"), fails(Errno::ILSEQ), None),
        ("a name of 256 bytes", a().file("n".repeat(256)), fails(Errno::NAMETOOLONG), None),
        ("a path of 5000 bytes", a().file("a/".repeat(2500) + "x"), fails(Errno::NAMETOOLONG), None),
        (
            "a path of 60000 bytes",
            a().file("../".repeat(20_000)),
            // The folders that it begins with are short enough to be looked for.
            (Some(Errno::NAMETOOLONG), &[Rule::Outside][..]),
            None,
        ),
        ("the folder itself", a().file("."), fails(Errno::ISDIR), None),
        ("no name", a().file(""), fails(Errno::NOENT), None),
    ];
    let attack = |(what, archive, (last, rules), control)| Attack { what, archive, last, rules, control };
    table.map(attack).into()
}

/// Unpacks an archive into the granted folder; the results, and what was denied.
fn unpack(world: &World, archive: &Archive, grant: DirGrant) -> (Vec<(u16, u64)>, Vec<Denied>) {
    let (mut builder, denials) = builder();
    builder.stdin_bytes(archive.finished());
    let stdout = builder.capture_stdout(1 << 20);
    builder.preopen(&dir(&world.granted(), grant), "/").expect("a preopened directory");
    assert_eq!(run("zip_slip", &imports(builder)), 0);
    (archive.results(&stdout.contents()), denials.take())
}

/// Unpacks an archive over an interface without one defence.
fn unpack_naively(world: &World, archive: &Archive, without: Without) -> Vec<(u16, u64)> {
    let (imports, printed) = naive::imports(without, &[&world.granted()], archive.finished(), &[]);
    assert_eq!(run("zip_slip", &imports), 0);
    archive.results(&printed.bytes())
}

#[test]
fn no_archive_unpacks_outside_though_links_may_be_made() {
    for (i, what) in attacks(&World::new()).iter().map(|attack| attack.what).enumerate() {
        let world = World::new();
        let attack = attacks(&world).swap_remove(i);
        let before = world.around();
        let (results, denied) = unpack(&world, &attack.archive, DirGrant::all());
        before.is_still(&world.around(), what);
        let last = results.last().expect("an entry").0;
        let mut rules: Vec<Rule> = denied.iter().map(|denied| denied.rule).collect();
        rules.dedup();
        assert_eq!(last, attack.last.map_or(0, Errno::raw), "{what}: {results:?}, {rules:?}");
        assert_eq!(rules, attack.rules, "{what}");
    }
}

#[test]
fn no_archive_unpacks_outside_where_files_may_be_made_and_written() {
    for (i, what) in attacks(&World::new()).iter().map(|attack| attack.what).enumerate() {
        let world = World::new();
        let attack = attacks(&world).swap_remove(i);
        let before = world.around();
        let (results, denied) = unpack(&world, &attack.archive, only(DirRights::CREATE | DirRights::WRITE));
        before.is_still(&world.around(), what);
        // A link is refused, so what was to go through it goes into a folder of its name.
        let links = attack.archive.kinds.iter().filter(|kind| matches!(kind, b's' | b'h')).count();
        let ungranted = denied.iter().filter(|denied| denied.rule == Rule::Grant).count();
        assert_eq!(ungranted, links, "{what}");
        if links == 0 {
            let rules: BTreeSet<&str> = denied.iter().map(|denied| denied.rule.name()).collect();
            assert_eq!(rules, attack.rules.iter().map(|rule| rule.name()).collect(), "{what}");
            assert_eq!(results.last().expect("an entry").0, attack.last.map_or(0, Errno::raw), "{what}");
        }
    }
}

#[test]
fn an_interface_without_one_defence_unpacks_outside() {
    for (i, what) in attacks(&World::new()).iter().map(|attack| attack.what).enumerate() {
        let world = World::new();
        let attack = attacks(&world).swap_remove(i);
        let Some(without) = attack.control else { continue };
        let before = world.around();
        let results = unpack_naively(&world, &attack.archive, without);
        assert_ne!(
            before.changes(&world.around()),
            "",
            "the attack is broken: {what}, without {without:?}: {results:?}"
        );
    }
}

#[test]
fn an_archive_that_is_no_attack_unpacks() {
    let world = World::new();
    let archive = Archive::default().file("ok.txt").file("a/b/ok.txt").symlink("b/ok.txt", "a/ln").file("a/./ok");
    let (results, denied) = unpack(&world, &archive, DirGrant::all());
    assert_eq!(results, [(0, 4), (0, 4), (0, 0), (0, 4)]);
    assert_eq!(denied, []);
    assert_eq!(world.within().paths(), ["a", "a/b", "a/b/ok.txt", "a/ln", "a/ok", "ok.txt"]);
}

/// How much a bomb is to fill, and how much it may.
const BOMB_BYTES: u64 = 64 << 20;
const QUOTA_BYTES: u64 = 1 << 20;

/// Few bytes, of which many are made: one file of zeros, as large as [`BOMB_BYTES`], in pieces.
fn bomb() -> Archive {
    const PIECE: usize = 60_000;
    Archive::default().file("ok.txt").entry(b'f', b"zeros", b"", &[0; PIECE], (BOMB_BYTES as usize / PIECE) as u32)
}

#[test]
fn a_bomb_ends_at_the_quota() {
    let world = World::new();
    let (results, denied) = unpack(&world, &bomb(), bytes(QUOTA_BYTES));
    let (errno, written) = results[1];
    assert_eq!(errno, Errno::DQUOT.raw());
    // While it writes, not afterwards: never has the file been longer. It is filled to the last byte.
    assert!(written + 4 <= QUOTA_BYTES && written + 60_000 > QUOTA_BYTES, "{written}");
    assert_eq!(fs::metadata(world.inside("zeros")).expect("the file").len(), written);
    assert_eq!(
        denied.iter().map(|denied| (denied.function, denied.rule)).collect::<Vec<_>>(),
        [("fd_write", Rule::Bytes)]
    );
}

#[test]
fn a_bomb_without_a_quota_fills_the_disk() {
    let world = World::new();
    let (results, _) = unpack(&world, &bomb(), DirGrant::all());
    assert_eq!(results[1].0, 0);
    assert!(fs::metadata(world.inside("zeros")).expect("the file").len() > BOMB_BYTES - 60_000);
}
