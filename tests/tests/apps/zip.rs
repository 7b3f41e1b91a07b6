//! Attack 2: archives whose entries' names lead out of the folder that they are unpacked into. Unzipper looks at none.

use super::*;

/// An entry of an archive.
#[derive(Clone, Debug)]
struct Entry {
    name: Vec<u8>,
    kind: Kind,
    content: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A file as it is, or a folder if its name ends in a slash.
    Plain,
    /// A symbolic link, whose content is where it leads.
    Link,
    /// A file whose content is DEFLATE already.
    Deflated,
}

fn file(name: impl AsRef<[u8]>) -> Entry {
    Entry { name: name.as_ref().to_vec(), kind: Kind::Plain, content: b"pwned\n".to_vec() }
}

fn link(name: &str, target: &str) -> Entry {
    Entry { name: name.into(), kind: Kind::Link, content: target.into() }
}

/// A ZIP file (APPNOTE.TXT 4.3): each entry behind a local header, then the directory, then its end. Sums are left out:
/// nobody here looks at them.
fn archive(entries: &[Entry]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let method: u16 = if entry.kind == Kind::Deflated { 8 } else { 0 };
        let mode: u32 = if entry.kind == Kind::Link { 0o12_0777 } else { 0o10_0644 };
        let (offset, len) = (bytes.len() as u32, entry.content.len() as u32);
        let mut common = Vec::new();
        for field in [20u16, 0, method, 0, 0] {
            common.extend(field.to_le_bytes());
        }
        for field in [0, len, len] {
            common.extend(u32::to_le_bytes(field));
        }
        common.extend((entry.name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        bytes.extend(0x0403_4b50u32.to_le_bytes());
        bytes.extend(&common);
        bytes.extend(&entry.name);
        bytes.extend(&entry.content);
        directory.extend(0x0201_4b50u32.to_le_bytes());
        directory.extend((3u16 << 8 | 20).to_le_bytes());
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&entry.name);
    }
    let (offset, size, count) = (bytes.len() as u32, directory.len() as u32, entries.len() as u16);
    bytes.extend(directory);
    bytes.extend(0x0605_4b50u32.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    bytes.extend([size.to_le_bytes(), offset.to_le_bytes()].concat());
    bytes.extend([0; 2]);
    bytes
}

/// `size` zeros and a few more as DEFLATE: one, then itself 258 times, again and again.
fn bomb(size: usize) -> Vec<u8> {
    let (mut bytes, mut used) = (vec![0u8], 0);
    let mut put = |code: u32, count: u32| {
        for bit in (0..count).rev() {
            if used == 8 {
                bytes.push(0);
                used = 0;
            }
            *bytes.last_mut().unwrap() |= ((code >> bit & 1) as u8) << used;
            used += 1;
        }
    };
    put(0b110, 3); // the last block, with fixed codes, the lowest bit first
    put(0b0011_0000, 8); // literal 0
    for _ in 0..size.div_ceil(258) {
        put(0b1100_0101, 8); // length 258
        put(0, 5); // distance 1
    }
    put(0, 7);
    bytes
}

/// All files of the application but where it may write, with their contents.
fn elsewhere(app: &App) -> Vec<(PathBuf, Vec<u8>)> {
    fn visit(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if ["incoming", "orders", "log"].iter().any(|name| path.ends_with(name)) {
            } else if path.is_dir() {
                visit(&path, found);
            } else {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    visit(app.folder.path(), &mut found);
    found.sort();
    found
}

/// How such programs were written: the folder's name, a slash, the entry's name.
fn naive(folder: &Path, entries: &[Entry]) {
    for Entry { name, kind, content } in entries {
        let name = String::from_utf8_lossy(name);
        let path = PathBuf::from(format!("{}/{name}", folder.display()));
        let _ = match kind {
            Kind::Link => std::os::unix::fs::symlink(String::from_utf8_lossy(content).as_ref(), path),
            _ if name.ends_with('/') => fs::create_dir(path),
            _ => fs::write(path, content),
        };
    }
}

/// Unpacks, and says whether anything else has changed.
#[track_caller]
fn unpacked(app: &App, entries: &[Entry]) -> Ended {
    app.file("data/slip.zip", archive(entries));
    let before = elsewhere(app);
    let ended = app.run(&["slip.zip"]).with(0).shows(&["wallet: the seed is as it was\n"]);
    assert!(before == elsewhere(app), "something else has changed: {entries:?}\n{ended:#?}");
    ended
}

#[test]
fn attack_2_names_that_lead_out() {
    let refused = "Capabilities insufficient";
    for name in ["../seed.txt", "./../seed.txt", "a/../../seed.txt", "../incoming/../seed.txt", "..//seed.txt"] {
        let entries = [file("a/"), file(name)];
        // Control: it does lead out.
        let app = App::wallet();
        naive(&app.path("data/incoming"), &entries);
        assert_eq!(app.read("data/seed.txt"), "pwned\n", "{name}");

        let app = App::wallet();
        unpacked(&app, &entries).shows(&[&format!("slip.zip: not extracted: {name}: {refused}")]);
    }
}

#[test]
fn attack_2_absolute_names() {
    let victim = App::empty();
    let name = victim.file("victim", "as it was").display().to_string();
    let app = App::wallet();
    unpacked(&app, &[file(&name)]).shows(&["slip.zip: not extracted: "]);
    unpacked(&app, &[file("/data/seed.txt")]).shows(&["slip.zip: not extracted: /data/seed.txt: "]);
    unpacked(&app, &[file("/dev/stdout")]).shows(&["slip.zip: not extracted: /dev/stdout: "]);
    assert_eq!(victim.read("victim"), "as it was");
}

#[test]
fn attack_2_symbolic_links() {
    for entries in [
        vec![link("out", ".."), file("out/seed.txt")],
        vec![link("out", "../seed.txt"), file("out")],
        vec![link("out", "./.."), file("out/"), file("out//seed.txt")],
        vec![link("a", "."), link("b", "a/.."), file("b/seed.txt")],
    ] {
        // Control
        let app = App::wallet();
        naive(&app.path("data/incoming"), &entries);
        assert_eq!(app.read("data/seed.txt"), "pwned\n", "{entries:?}");

        // No right of that folder makes links.
        let app = App::wallet();
        let first = String::from_utf8(entries[0].name.clone()).unwrap();
        unpacked(&app, &entries).shows(&[&format!("slip.zip: not extracted: {first}: Operation not permitted")]);
        assert!(!app.path(&format!("data/incoming/{first}")).is_symlink());

        // Where links may be made, one that leads out may not be made, or leads nowhere.
        let app = App::wallet();
        app.edit(
            "bailiwick.toml",
            "\"write\", \"create\"], max_bytes = \"1MiB\"",
            "\"write\", \"create\", \"symlink\"]",
        );
        app.edit(
            "bailiwick.toml",
            "dst = { rights = [\"create\", \"write\"] }",
            "dst = { rights = [\"create\", \"write\", \"symlink\"] }",
        );
        unpacked(&app, &entries).shows(&["slip.zip: not extracted: "]);
    }
}

#[test]
fn attack_2_names_that_are_only_strange() {
    let app = App::wallet();
    let long = "n".repeat(255);
    // C ends a name at its first NUL; a backslash is a letter like any other.
    unpacked(&app, &[file("..\\seed.txt"), file(b"nul\0/../../seed.txt"), file(&long)])
        .shows(&["wallet: slip.zip: 3 files\n"]);
    for name in ["..\\seed.txt", "nul", &long] {
        assert_eq!(app.read(&format!("data/incoming/{name}")), "pwned\n");
    }
    // Neither an overlong form of `../` nor what is no UTF-8 is a name here.
    for name in [&b"\xc0\xae\xc0\xae/seed.txt"[..], b"\xff.txt", b""] {
        unpacked(&App::wallet(), &[file(name)]).shows(&["slip.zip: not extracted: "]);
    }
    unpacked(&App::wallet(), &[file("n".repeat(300) + "/../../seed.txt")]);
}

#[test]
fn attack_2_a_bomb_ends_at_a_limit() {
    let deflated = |size| Entry { name: b"zeros".into(), kind: Kind::Deflated, content: bomb(size) };
    // Control: a small one is unpacked in full.
    let app = App::wallet();
    unpacked(&app, &[deflated(258 * 100)]).shows(&["slip.zip: 1 files"]);
    assert_eq!(fs::metadata(app.path("data/incoming/zeros")).unwrap().len(), 258 * 100 + 1);
    assert!(fs::read(app.path("data/incoming/zeros")).unwrap().iter().all(|byte| *byte == 0));

    // Larger than the folder may grow.
    let app = App::wallet();
    let ended = unpacked(&app, &[deflated(5 << 18)]);
    ended.shows(&["slip.zip: not extracted: zeros: "]).without("is dead");
    assert!(fs::metadata(app.path("data/incoming/zeros")).unwrap().len() <= 1 << 20);

    // Larger than inflate's memory: it says so itself.
    let ended = unpacked(&App::wallet(), &[deflated(64 << 20)]);
    ended.shows(&["slip.zip: not extracted: zeros: it is too large"]);
}

#[test]
fn where_the_wallet_lends_more_the_same_archive_does_more() {
    // Control: the same modules, handed the wallet's whole folder instead of one below it.
    let app = App::wallet();
    app.file("data/slip.zip", archive(&[file("incoming/../seed.txt")]));
    app.run(&["slip.zip", "."]).with(0).shows(&["slip.zip: 1 files", "the seed is another one"]);
    assert!(app.read("data/seed.txt").starts_with("pwned\n"));
}

#[test]
fn an_edge_takes_rights_off_a_handle() {
    // `call.extract.dst` leaves `create` and `write`; without `create`, no file is made.
    let app = App::wallet();
    app.edit("bailiwick.toml", "dst = { rights = [\"create\", \"write\"] }", "dst = { rights = [\"write\"] }");
    app.run(&[]).with(0).prints(&honest_but_for("statements.zip", "readme.txt: Operation not permitted"));
    // A folder below, if the caller's folder has it.
    let app = App::wallet();
    fs::create_dir(app.path("data/incoming/new")).unwrap();
    app.edit("bailiwick.toml", "dst = { rights", "dst = { sub = \"new\", rights");
    app.run(&[]).with(0).prints(HONEST);
    assert!(app.path("data/incoming/new/2026/note.txt").exists() && !app.path("data/incoming/2026").exists());
}

#[test]
fn hostile_archives_end_nobody() {
    let honest = fs::read(built().wallet.join("data/statements.zip")).unwrap();
    let app = App::wallet();
    for at in (0..honest.len()).step_by(honest.len() / 24) {
        let mut damaged = honest.clone();
        damaged[at] ^= 0xff;
        app.file("data/damaged.zip", &damaged);
        app.run(&["damaged.zip"]).with(0).shows(&["wallet: damaged.zip: ", "the seed is as it was"]);
        app.file("data/damaged.zip", &honest[..at]);
        app.run(&["damaged.zip"]).with(0).shows(&["damaged.zip: not extracted", "the seed is as it was"]);
    }
}
