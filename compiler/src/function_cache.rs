//! The folder in which compiled functions are kept for the next compilation.
//!
//! ```text
//!  DIR/<compiler>-<random>.pack    what one compilation added; never written again
//!  ┊ magic ┊ entry ┊ entry ┊ …   ┊ index: key, place, length, checksum, by key ┊ end: number of entries, hash, magic ┊
//! ```
//!
//! A compilation reads the packs of the same build of this program, and writes one with what it found in none. A pack has
//! another name until it is whole, so whoever compiles at the same time sees all of it or nothing. When there are many, the
//! small ones go into the new one; when the folder is too large, the packs go that were not used for the longest time.
//!
//! What is damaged is as if it were not there. What can't be written is left out: the module is compiled all the same.
//! Entries are machine code, and nothing tells good code from bad: so others must not be able to write to the folder.

use bailiwick_compiler::FunctionStore;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

const MAGIC: [u8; 8] = *b"bwkfunc1";
const EXTENSION: &str = "pack";
/// Of what is being written.
const UNFINISHED: &str = "tmp";
/// Bytes of the folder's packs, at most.
const MAX_SIZE: u64 = 1 << 30;
/// Packs of one build, from which on small ones are put together.
const MAX_PACKS: usize = 16;
/// What is older was left by a process that was killed.
const OLDEST_UNFINISHED: Duration = Duration::from_secs(24 * 60 * 60);

type Key = [u8; 32];
/// Of an entry: enough to find damage.
type Checksum = [u8; 8];

/// Key, place, length, checksum.
const RECORD_SIZE: usize = 32 + 8 + 4 + 8;
/// Number of entries, SHA-256 of all records, magic.
const END_SIZE: usize = 8 + 32 + 8;

/// Where an entry is in its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    key: Key,
    offset: u64,
    len: u32,
    checksum: Checksum,
}

impl Record {
    fn of(key: &Key, offset: u64, entry: &[u8]) -> Option<Record> {
        Some(Record { key: *key, offset, len: u32::try_from(entry.len()).ok()?, checksum: checksum(key, entry) })
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.key);
        to.extend_from_slice(&self.offset.to_le_bytes());
        to.extend_from_slice(&self.len.to_le_bytes());
        to.extend_from_slice(&self.checksum);
    }

    fn read(bytes: &[u8; RECORD_SIZE]) -> Option<Record> {
        let (key, rest) = bytes.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let checksum = *rest.first_chunk()?;
        Some(Record { key: *key, offset: u64::from_le_bytes(*offset), len: u32::from_le_bytes(*len), checksum })
    }
}

/// Of an entry, and of whose it is.
fn checksum(key: &Key, entry: &[u8]) -> Checksum {
    let digest: [u8; 32] = Sha256::new().chain_update(key).chain_update(entry).finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// A file of entries.
struct Pack {
    path: PathBuf,
    file: File,
    size: u64,
    /// Ascending by key.
    records: Vec<Record>,
    used: AtomicBool,
    /// Whether any of its entries turned out to be damaged.
    damaged: AtomicBool,
}

impl Pack {
    /// `Ok(None)`: it is damaged.
    fn open(path: &Path) -> io::Result<Option<Pack>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        let metadata = file.metadata()?;
        if !metadata.is_file() || !is_private(&metadata) {
            return Ok(None);
        }
        let size = metadata.len();
        let Some(records) = records(&file, size)? else { return Ok(None) };
        let [used, damaged] = [const { AtomicBool::new(false) }; 2];
        Ok(Some(Pack { path: path.to_owned(), file, size, records, used, damaged }))
    }

    fn find(&self, key: &Key) -> Option<&Record> {
        self.records.binary_search_by(|record| record.key.cmp(key)).ok().map(|i| &self.records[i])
    }

    /// An entry; `None`: it is damaged.
    fn read(&self, record: &Record) -> Option<Vec<u8>> {
        let mut entry = vec![0; record.len as usize];
        self.file.read_exact_at(&mut entry, record.offset).ok()?;
        (checksum(&record.key, &entry) == record.checksum).then_some(entry)
    }
}

/// The records of a file of so many bytes; `None`: it is damaged, or none.
fn records(file: &File, size: u64) -> io::Result<Option<Vec<Record>>> {
    let mut magic = [0; MAGIC.len()];
    let mut end = [0; END_SIZE];
    let Some(end_offset) = size.checked_sub(END_SIZE as u64).filter(|&offset| offset >= MAGIC.len() as u64) else {
        return Ok(None);
    };
    file.read_exact_at(&mut magic, 0)?;
    file.read_exact_at(&mut end, end_offset)?;
    let (count, rest) = end.split_at(8);
    let (hash, last) = rest.split_at(32);
    let index = count.first_chunk().and_then(|count| u64::from_le_bytes(*count).checked_mul(RECORD_SIZE as u64));
    let Some(index) = index.filter(|&index| index <= end_offset - MAGIC.len() as u64) else { return Ok(None) };
    if magic != MAGIC || last != MAGIC {
        return Ok(None);
    }
    let index_offset = end_offset - index;
    let mut bytes = vec![0; index as usize];
    file.read_exact_at(&mut bytes, index_offset)?;
    if Sha256::digest(&bytes).as_slice() != hash {
        return Ok(None);
    }
    let (chunks, _) = bytes.as_chunks();
    let records: Option<Vec<Record>> = chunks.iter().map(Record::read).collect();
    let within =
        |record: &Record| record.offset.checked_add(u64::from(record.len)).is_some_and(|behind| behind <= index_offset);
    Ok(records.filter(|records| records.iter().all(within)))
}

/// Whether only this user can write.
fn is_private(metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

/// A pack while it is written.
struct New {
    temporary: PathBuf,
    path: PathBuf,
    file: BufWriter<File>,
    size: u64,
    records: Vec<Record>,
}

impl New {
    fn create(folder: &Path, compiler: &str) -> io::Result<New> {
        // Process numbers repeat in containers that share a folder.
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let name = format!("{compiler}-{:016x}", u64::from_le_bytes(random));
        let temporary = folder.join(format!(".{name}.{UNFINISHED}"));
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = File::from(rustix::fs::open(&temporary, flags, Mode::from_raw_mode(0o600))?);
        let mut new = New {
            temporary,
            path: folder.join(format!("{name}.{EXTENSION}")),
            file: BufWriter::with_capacity(1 << 20, file),
            size: 0,
            records: Vec::new(),
        };
        new.write(&MAGIC)?;
        Ok(new)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn add(&mut self, key: &Key, entry: &[u8]) -> io::Result<()> {
        if let Some(record) = Record::of(key, self.size, entry) {
            self.write(entry)?;
            self.records.push(record);
        }
        Ok(())
    }

    /// Gives it its name.
    fn finish(mut self) -> io::Result<()> {
        // Functions with the same code have the same key; one entry is enough.
        self.records.sort_unstable();
        self.records.dedup_by_key(|record| record.key);
        let mut index = Vec::with_capacity(self.records.len() * RECORD_SIZE);
        self.records.iter().for_each(|record| record.write(&mut index));
        let mut end = (self.records.len() as u64).to_le_bytes().to_vec();
        end.extend_from_slice(&Sha256::digest(&index));
        end.extend_from_slice(&MAGIC);
        self.write(&index)?;
        self.write(&end)?;
        self.file.flush()?;
        std::fs::rename(&self.temporary, &self.path)
    }
}

/// What is written, and why nothing more is.
#[derive(Default)]
struct Writing {
    new: Option<New>,
    failed: Option<io::Error>,
}

/// Why a folder is not used.
pub enum Unavailable {
    /// It must not be.
    Refused(String),
    /// It can't be: a module is compiled as without.
    Unusable(String),
}

/// The folder, while one module is compiled.
pub struct FunctionCache {
    folder: PathBuf,
    /// Of this build of the program, in hexadecimal digits.
    compiler: String,
    packs: Vec<Pack>,
    /// Entries of packs that turned out to be damaged, and packs.
    damaged: AtomicUsize,
    found: AtomicUsize,
    added: AtomicUsize,
    writing: Mutex<Writing>,
}

impl FunctionCache {
    /// Opens the folder, which is made if it is missing.
    pub fn open(folder: &Path) -> Result<FunctionCache, Unavailable> {
        FunctionCache::open_for(folder, identity())
    }

    /// The same for the build of the program that is called so.
    fn open_for(folder: &Path, compiler: io::Result<String>) -> Result<FunctionCache, Unavailable> {
        let failed = |error: &io::Error| {
            Unavailable::Unusable(format!(
                "{}: functions can't be kept there: {}",
                folder.display(),
                crate::reason(error)
            ))
        };
        if !folder.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed(&error))?;
        }
        let metadata = std::fs::metadata(folder).map_err(|error| failed(&error))?;
        if !is_private(&metadata) {
            return Err(Unavailable::Refused(format!(
                "{}: it belongs to somebody else or others may write to it, and it holds code that will run; chmod 700 it, or name another folder",
                folder.display()
            )));
        }
        let compiler = compiler.map_err(|error| failed(&error))?;
        let mut cache = FunctionCache {
            folder: folder.to_owned(),
            compiler,
            packs: Vec::new(),
            damaged: AtomicUsize::new(0),
            found: AtomicUsize::new(0),
            added: AtomicUsize::new(0),
            writing: Mutex::default(),
        };
        for (path, _) in files(folder, EXTENSION).map_err(|error| failed(&error))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(&cache.compiler) {
                match Pack::open(&path) {
                    Ok(Some(pack)) => cache.packs.push(pack),
                    Ok(None) => {
                        *cache.damaged.get_mut() += 1;
                        // It would be read again and again.
                        let _ = std::fs::remove_file(&path);
                    }
                    // Somebody else's compilation has just put it into another.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(failed(&error)),
                }
            }
        }
        // Where there are most, it is found soonest.
        cache.packs.sort_by_key(|pack| std::cmp::Reverse(pack.size));
        Ok(cache)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Finishes what was written, and makes room. The first is what `--verbose` says, the second a warning.
    pub fn finish(self) -> (String, Option<String>) {
        let Writing { new, mut failed } = std::mem::take(&mut *self.writing());
        let mut obsolete = Vec::new();
        if let (Some(new), None) = (new, &failed) {
            let temporary = new.temporary.clone();
            let finished = self.merge(new).and_then(|(new, merged)| new.finish().map(|()| merged));
            match finished {
                Ok(merged) => obsolete = merged,
                Err(error) => {
                    let _ = std::fs::remove_file(temporary);
                    failed = Some(error);
                }
            }
        }
        for path in obsolete {
            let _ = std::fs::remove_file(path);
        }
        let now = SystemTime::now();
        for pack in self.packs.iter().filter(|pack| pack.used.load(Ordering::Relaxed)) {
            // In a folder that can't be written to, nothing is removed either.
            let _ = pack.file.set_modified(now);
        }
        let removed = make_room(&self.folder, MAX_SIZE);
        let [found, added, damaged] =
            [&self.found, &self.added, &self.damaged].map(|count| count.load(Ordering::Relaxed));
        let what = format!(
            "{}: {found} functions were there, {added} were compiled and added, {damaged} were damaged and replaced; {} packs, {removed} removed",
            self.folder.display(),
            self.packs.len()
        );
        let warning = failed.map(|error| {
            format!("{}: what was compiled can't be kept there: {}", self.folder.display(), crate::reason(&error))
        });
        (what, warning)
    }

    /// Puts what damaged packs still hold into the new one, and the small ones if there are many; the paths of those.
    fn merge(&self, mut new: New) -> io::Result<(New, Vec<PathBuf>)> {
        let mut merged = Vec::new();
        let most = if self.packs.len() < MAX_PACKS { MAX_PACKS } else { MAX_PACKS / 2 };
        let mut known: HashSet<Key> = HashSet::new();
        for (i, pack) in self.packs.iter().enumerate() {
            if i < most && !pack.damaged.load(Ordering::Relaxed) {
                continue;
            }
            if known.is_empty() {
                known = new.records.iter().map(|record| record.key).collect();
            }
            for record in &pack.records {
                if known.insert(record.key)
                    && let Some(entry) = pack.read(record)
                {
                    new.add(&record.key, &entry)?;
                }
            }
            merged.push(pack.path.clone());
        }
        Ok((new, merged))
    }
}

impl FunctionStore for FunctionCache {
    fn get(&self, key: &Key) -> Option<Vec<u8>> {
        // A damaged one may be in another pack once more, whole.
        for pack in &self.packs {
            let Some(record) = pack.find(key) else { continue };
            match pack.read(record) {
                Some(entry) => {
                    self.found.fetch_add(1, Ordering::Relaxed);
                    pack.used.store(true, Ordering::Relaxed);
                    return Some(entry);
                }
                None => {
                    self.damaged.fetch_add(1, Ordering::Relaxed);
                    pack.damaged.store(true, Ordering::Relaxed);
                }
            }
        }
        None
    }

    fn put(&self, key: &Key, entry: Vec<u8>) {
        self.added.fetch_add(1, Ordering::Relaxed);
        let mut writing = self.writing();
        if writing.failed.is_some() {
            return;
        }
        let mut written = || {
            let new = match writing.new.take() {
                Some(new) => new,
                None => New::create(&self.folder, &self.compiler)?,
            };
            writing.new.insert(new).add(key, &entry)
        };
        if let Err(error) = written() {
            if let Some(new) = writing.new.take() {
                let _ = std::fs::remove_file(new.temporary);
            }
            writing.failed = Some(error);
        }
    }

    fn damaged(&self, key: &Key) {
        self.found.fetch_sub(1, Ordering::Relaxed);
        self.damaged.fetch_add(1, Ordering::Relaxed);
        for pack in self.packs.iter().filter(|pack| pack.find(key).is_some()) {
            pack.damaged.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for FunctionCache {
    fn drop(&mut self) {
        // The module was refused.
        if let Some(new) = self.writing().new.take() {
            let _ = std::fs::remove_file(new.temporary);
        }
    }
}

/// What tells this build of the program from others: the beginning of a hash of its file, in hexadecimal digits.
fn identity() -> io::Result<String> {
    let mut file = File::open("/proc/self/exe")?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// The files of the folder with an extension.
fn files(folder: &Path, extension: &str) -> io::Result<Vec<(PathBuf, Metadata)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_some_and(|other| other == extension)
            && let Ok(metadata) = entry.metadata()
            && metadata.is_file()
        {
            found.push((path, metadata));
        }
    }
    Ok(found)
}

/// Removes what was used longest ago, until the rest has at most so many bytes; and what was never finished. How many packs
/// were removed.
fn make_room(folder: &Path, most: u64) -> usize {
    let time = |metadata: &Metadata| metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    for (path, metadata) in files(folder, UNFINISHED).unwrap_or_default() {
        if time(&metadata).elapsed().is_ok_and(|age| age > OLDEST_UNFINISHED) {
            let _ = std::fs::remove_file(path);
        }
    }
    let mut packs = files(folder, EXTENSION).unwrap_or_default();
    packs.sort_by_key(|(_, metadata)| time(metadata));
    let mut size: u64 = packs.iter().map(|(_, metadata)| metadata.len()).sum();
    let mut removed = 0;
    for (path, metadata) in packs {
        if size <= most {
            break;
        }
        size -= metadata.len();
        removed += usize::from(std::fs::remove_file(path).is_ok());
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const BUILD: &str = "0123";

    fn open(folder: &Path) -> FunctionCache {
        // Hashing all of a test program takes longer than a test.
        FunctionCache::open_for(folder, Ok(BUILD.to_owned()))
            .unwrap_or_else(|_| panic!("{}: it was not opened", folder.display()))
    }

    fn key(number: u8) -> Key {
        [number; 32]
    }

    fn packs(folder: &Path) -> Vec<PathBuf> {
        files(folder, EXTENSION).unwrap().into_iter().map(|(path, _)| path).collect()
    }

    /// Adds entries, each of which has its number's length.
    fn add(folder: &Path, numbers: &[u8]) {
        let cache = open(folder);
        numbers.iter().for_each(|&number| cache.put(&key(number), vec![number; number.into()]));
        assert_eq!(cache.finish().1, None);
    }

    fn has(cache: &FunctionCache, number: u8) -> bool {
        let entry = cache.get(&key(number));
        assert!(entry.is_none() || entry == Some(vec![number; number.into()]));
        entry.is_some()
    }

    #[test]
    fn what_was_put_there_is_there_for_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/cache");
        add(&path, &[0, 7, 200, 7]);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let cache = open(&path);
        assert!(has(&cache, 0) && has(&cache, 7) && has(&cache, 200) && !has(&cache, 1));
        // One that adds nothing writes nothing; one that was given up leaves nothing.
        drop(cache);
        open(&path).put(&key(9), vec![9; 9]);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1);
    }

    #[test]
    fn another_build_of_the_program_finds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        add(folder.path(), &[1]);
        let other = FunctionCache::open_for(folder.path(), Ok("0124".to_owned()));
        assert!(other.is_ok_and(|cache| !has(&cache, 1)));
        assert!(has(&open(folder.path()), 1));
        assert_eq!(identity().unwrap(), identity().unwrap());
    }

    #[test]
    fn many_packs_become_few() {
        let folder = tempfile::tempdir().unwrap();
        for number in 1..=100 {
            add(folder.path(), &[number]);
            assert!(packs(folder.path()).len() <= MAX_PACKS);
        }
        let cache = open(folder.path());
        assert!((1..=100).all(|number| has(&cache, number)));
    }

    #[test]
    fn damage_anywhere_is_as_if_it_were_not_there_and_is_replaced() {
        let numbers = [3, 5, 40];
        let template = tempfile::tempdir().unwrap();
        add(template.path(), &numbers);
        let path = packs(template.path()).remove(0);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let folder = tempfile::tempdir().unwrap();
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            let damaged = folder.path().join(path.file_name().unwrap());
            std::fs::write(&damaged, &bytes).unwrap();
            let cache = open(folder.path());
            let missing: Vec<u8> = numbers.iter().copied().filter(|&number| !has(&cache, number)).collect();
            assert!(!missing.is_empty(), "{at}");
            missing.iter().for_each(|&number| cache.put(&key(number), vec![number; number.into()]));
            let (what, warning) = cache.finish();
            assert!(!what.contains(" 0 were damaged") && warning.is_none(), "{at}: {what}");
            assert!(!damaged.exists());
            let cache = open(folder.path());
            assert!(numbers.iter().all(|&number| has(&cache, number)), "{at}");
            assert!(cache.finish().0.contains(" 0 were damaged"), "{at}");
        }
        for len in 0..whole.len() {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(path.file_name().unwrap()), &whole[..len]).unwrap();
            assert!(!has(&open(folder.path()), 3), "{len}");
        }
    }

    #[test]
    fn an_entry_of_another_key_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut new = New::create(folder.path(), BUILD).unwrap();
        new.add(&key(1), &[1]).unwrap();
        new.records[0].key = key(2);
        new.finish().unwrap();
        assert!(!has(&open(folder.path()), 2));
    }

    #[test]
    fn a_folder_or_pack_that_others_can_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        add(folder.path(), &[1]);
        let set = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        for mode in [0o770, 0o707, 0o720] {
            set(folder.path(), mode);
            let refused = matches!(FunctionCache::open(folder.path()), Err(Unavailable::Refused(why)) if why.contains("chmod 700"));
            assert!(refused, "{mode:o}");
        }
        set(folder.path(), 0o700);
        set(&packs(folder.path())[0], 0o622);
        assert!(!has(&open(folder.path()), 1));
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        for number in [10, 20, 30] {
            add(folder.path(), &[number]);
        }
        let old = SystemTime::now() - Duration::from_secs(100_000);
        for pack in packs(folder.path()) {
            File::open(pack).unwrap().set_modified(old).unwrap();
        }
        let unfinished = folder.path().join(format!(".x.{UNFINISHED}"));
        File::create(&unfinished).unwrap().set_modified(old).unwrap();
        let cache = open(folder.path());
        assert!(has(&cache, 20));
        cache.finish();
        assert!(!unfinished.exists());
        let size = packs(folder.path()).iter().map(|path| path.metadata().unwrap().len()).max().unwrap();
        assert_eq!(make_room(folder.path(), size), 2);
        assert!(has(&open(folder.path()), 20));
    }

    #[test]
    fn a_folder_that_went_away_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let cache = open(&path);
        std::fs::remove_dir(&path).unwrap();
        cache.put(&key(1), vec![1]);
        cache.put(&key(2), vec![2]);
        assert!(cache.finish().1.is_some_and(|warning| warning.contains("can't be kept")));
        let file = folder.path().join("file");
        File::create(&file).unwrap();
        assert!(matches!(FunctionCache::open(&file), Err(Unavailable::Unusable(_))));
    }
}
