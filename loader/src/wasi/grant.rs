//! What is granted of a directory: rights, limits, and whether other mounts belong to it.
//!
//! A right names an *effect*, whatever the flags of the call that has it are called:
//!
//! | right | effects |
//! |---|---|
//! | `list` | the names in a directory |
//! | `read` | a file's contents, a symbolic link's target |
//! | `write` | contents and size of a file: writing, appending, truncating, allocating |
//! | `create` | a file that was not there, a directory |
//! | `delete` | a name that is gone: of a file, of a directory, of what a rename replaces |
//! | `rename` | another name for what is there |
//! | `link` | one more name for it |
//! | `symlink` | a symbolic link, with a relative target |
//! | `times` | when something was read or changed |
//!
//! Whoever has none of them can look at what is there by name (`stat`), and open directories to get from one to the next.
//! Who may create and not write makes empty files: the descriptor that made one is no better than any other.

use super::types::Rights;
use std::fmt;

/// A set of rights beneath a directory; see the table above.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DirRights(u16);

/// Defines the members of [`DirRights`]: a row is the constant, its bit, its name in manifests and options, and what of
/// preview 1 it takes.
macro_rules! rights {
    ($($constant:ident = $bit:literal, $name:literal, $doc:literal, [$($preview1:ident),*];)*) => {
        impl DirRights {
            $(#[doc = $doc] pub const $constant: DirRights = DirRights(1 << $bit);)*
            /// All of them.
            pub const ALL: DirRights = DirRights(0 $(| 1 << $bit)*);

            /// Each right, its name, and what of preview 1 is not possible without it.
            const EACH: &[(DirRights, &str, Rights)] =
                &[$((DirRights::$constant, $name, Rights::NONE$(.union(Rights::$preview1))*)),*];
        }
    };
}

rights! {
    LIST = 0, "list", "The names in a directory.", [FD_READDIR];
    READ = 1, "read", "The contents of files, the targets of symbolic links.", [FD_READ, PATH_READLINK];
    WRITE = 2, "write", "The contents and sizes of files that are there.",
        [FD_WRITE, FD_ALLOCATE, FD_FILESTAT_SET_SIZE, PATH_FILESTAT_SET_SIZE];
    CREATE = 3, "create", "New files and directories.", [PATH_CREATE_FILE, PATH_CREATE_DIRECTORY];
    DELETE = 4, "delete", "Removing files and directories, also by renaming something to their place.",
        [PATH_UNLINK_FILE, PATH_REMOVE_DIRECTORY];
    RENAME = 5, "rename", "Moving what is there to a name where nothing is.", [PATH_RENAME_SOURCE, PATH_RENAME_TARGET];
    LINK = 6, "link", "Hard links.", [PATH_LINK_SOURCE, PATH_LINK_TARGET];
    SYMLINK = 7, "symlink", "Symbolic links with relative targets.", [PATH_SYMLINK];
    TIMES = 8, "times", "Setting times of access and modification.",
        [PATH_FILESTAT_SET_TIMES, FD_FILESTAT_SET_TIMES];
}

impl DirRights {
    /// None of them: to look at what is there by name.
    pub const NONE: DirRights = DirRights(0);

    /// To list and to read.
    pub const READ_ONLY: DirRights = DirRights::LIST.union(DirRights::READ);

    /// The rights without which some of these of preview 1 are not possible.
    pub(super) fn taken_by(rights: Rights) -> DirRights {
        let taken = DirRights::EACH.iter().filter(|(.., takes)| takes.intersects(rights));
        taken.fold(DirRights::NONE, |taken, (right, ..)| taken.union(*right))
    }

    /// As bits, to be kept in an atomic number.
    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    /// From [`DirRights::bits`]; others are left out.
    pub(super) const fn from_bits(bits: u16) -> DirRights {
        DirRights(bits & DirRights::ALL.0)
    }

    /// The right with this name.
    pub fn from_name(name: &str) -> Option<DirRights> {
        DirRights::EACH.iter().find(|(_, known, _)| *known == name).map(|(right, ..)| *right)
    }

    /// The names of the rights in it, in the order of the table above.
    pub fn names(self) -> Vec<&'static str> {
        DirRights::EACH.iter().filter(|(right, ..)| self.contains(*right)).map(|(_, name, _)| *name).collect()
    }

    /// Whether all of `other` are among them.
    pub const fn contains(self, other: DirRights) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is among them.
    pub const fn intersects(self, other: DirRights) -> bool {
        self.0 & other.0 != 0
    }

    /// The rights of either.
    pub const fn union(self, other: DirRights) -> DirRights {
        DirRights(self.0 | other.0)
    }

    /// The rights of both.
    pub const fn intersection(self, other: DirRights) -> DirRights {
        DirRights(self.0 & other.0)
    }

    /// The rights that `other` lacks.
    pub const fn difference(self, other: DirRights) -> DirRights {
        DirRights(self.0 & !other.0)
    }

    /// The rights that are left to whoever has these of preview 1 for a directory, and hands these on to what is opened
    /// through it: a right of which something is missing is gone.
    pub(super) fn kept(base: Rights, inheriting: Rights) -> DirRights {
        let held = base.intersection(Rights::DIRECTORY).union(inheriting.difference(Rights::DIRECTORY));
        let kept = DirRights::EACH.iter().filter(|(.., taken)| held.contains(*taken));
        kept.fold(DirRights::NONE, |kept, (right, ..)| kept.union(*right))
    }

    /// What preview 1 can do beneath a directory with these rights: all but what takes one that is missing.
    pub(super) fn preview1(self) -> Rights {
        let missing = DirRights::EACH.iter().filter(|(right, ..)| !self.contains(*right));
        missing.fold(Rights::ALL, |left, (.., taken)| left.difference(*taken))
    }
}

impl std::ops::BitOr for DirRights {
    type Output = DirRights;
    fn bitor(self, other: DirRights) -> DirRights {
        self.union(other)
    }
}

impl fmt::Debug for DirRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

impl fmt::Display for DirRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names().as_slice() {
            [] => f.write_str("none"),
            names => f.write_str(&names.join(", ")),
        }
    }
}

/// How much may be used of a directory. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirLimits {
    /// By how many bytes what is beneath may grow from the time of the grant: what is written, less what of that is gone
    /// again. What counts, and what does not, is told in `quota.rs`.
    pub max_bytes: Option<u64>,
    /// How many descriptors may be open through it at a time, the granted one not counted.
    pub max_open: Option<u32>,
}

/// What is granted of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirGrant {
    /// What may be done beneath.
    pub rights: DirRights,
    /// How much.
    pub limits: DirLimits,
    /// Whether what is mounted beneath belongs to it. File systems of the kernel never do.
    pub cross_mounts: bool,
}

impl DirGrant {
    /// To list and to read, on one mount.
    pub const fn read_only() -> DirGrant {
        DirGrant::of(DirRights::READ_ONLY)
    }

    /// All that can be done beneath, without a limit, on one mount.
    pub const fn all() -> DirGrant {
        DirGrant::of(DirRights::ALL)
    }

    /// These rights, without a limit, on one mount.
    pub const fn of(rights: DirRights) -> DirGrant {
        DirGrant { rights, limits: DirLimits { max_bytes: None, max_open: None }, cross_mounts: false }
    }

    /// Whether `narrower` allows nothing that this does not.
    pub fn covers(&self, narrower: &DirGrant) -> bool {
        self.excess(narrower).is_none()
    }

    /// The first thing in which `asked` is wider than this.
    pub(super) fn excess(&self, asked: &DirGrant) -> Option<Excess> {
        let beyond = |asked: Option<u64>, held: Option<u64>| match (asked, held) {
            (_, None) => None,
            (Some(asked), Some(held)) if asked <= held => None,
            (asked, Some(held)) => Some((asked, held)),
        };
        let excess = asked.rights.difference(self.rights);
        if excess != DirRights::NONE {
            return Some(Excess::Rights(excess));
        }
        if let Some((asked, held)) = beyond(asked.limits.max_bytes, self.limits.max_bytes) {
            return Some(Excess::Limit("max_bytes", asked, held));
        }
        let open = |limits: DirLimits| limits.max_open.map(u64::from);
        if let Some((asked, held)) = beyond(open(asked.limits), open(self.limits)) {
            return Some(Excess::Limit("max_open", asked, held));
        }
        (asked.cross_mounts && !self.cross_mounts).then_some(Excess::CrossMounts)
    }
}

/// In what one grant is wider than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// These rights.
    Rights(DirRights),
    /// This limit: what was asked for, and what there is.
    Limit(&'static str, Option<u64>, u64),
    /// Other mounts.
    CrossMounts,
}

/// How much of a directory is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirUsage {
    /// Bytes that are charged, of [`DirLimits::max_bytes`]; none are counted where neither the directory's own grant nor
    /// one that it was derived from has that limit, and those that a narrower grant spends.
    pub bytes: u64,
    /// Descriptors that are open through it or what was derived from it.
    pub open: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let names = ["list", "read", "write", "create", "delete", "rename", "link", "symlink", "times"];
        assert_eq!(DirRights::ALL.names(), names);
        let all = names.iter().map(|name| DirRights::from_name(name).unwrap());
        assert_eq!(all.fold(DirRights::NONE, DirRights::union), DirRights::ALL);
        for wrong in ["", "stat", "READ", "read ", "all"] {
            assert_eq!(DirRights::from_name(wrong), None);
        }
        assert_eq!((DirRights::READ | DirRights::TIMES).to_string(), "read, times");
        assert_eq!(DirRights::NONE.to_string(), "none");
    }

    #[test]
    fn every_right_takes_something_of_preview_1_and_stat_takes_none() {
        let mut taken = Rights::NONE;
        for &(_, name, preview1) in DirRights::EACH {
            assert!(preview1 != Rights::NONE && !taken.intersects(preview1), "{name}");
            taken = taken.union(preview1);
        }
        assert_eq!(DirRights::ALL.preview1(), Rights::ALL);
        let floor = DirRights::NONE.preview1();
        assert!(floor.contains(Rights::PATH_FILESTAT_GET | Rights::FD_FILESTAT_GET | Rights::PATH_OPEN));
        assert!(!floor.intersects(taken));
    }

    #[test]
    fn one_grant_covers_another_if_nothing_of_that_is_wider() {
        let limited = |max_bytes, max_open| DirLimits { max_bytes, max_open };
        let held =
            DirGrant { limits: limited(Some(100), Some(10)), ..DirGrant::of(DirRights::READ | DirRights::WRITE) };
        assert!(held.covers(&held));
        assert!(held.covers(&DirGrant { rights: DirRights::NONE, limits: limited(Some(0), Some(0)), ..held }));
        assert!(DirGrant::all().covers(&held));
        for (wider, excess) in [
            (DirGrant { rights: DirRights::READ_ONLY, ..held }, Excess::Rights(DirRights::LIST)),
            (DirGrant { limits: limited(Some(101), Some(10)), ..held }, Excess::Limit("max_bytes", Some(101), 100)),
            (DirGrant { limits: limited(None, Some(10)), ..held }, Excess::Limit("max_bytes", None, 100)),
            (DirGrant { limits: limited(Some(100), Some(11)), ..held }, Excess::Limit("max_open", Some(11), 10)),
            (DirGrant { limits: limited(Some(1), None), ..held }, Excess::Limit("max_open", None, 10)),
            (DirGrant { cross_mounts: true, ..held }, Excess::CrossMounts),
        ] {
            assert_eq!(held.excess(&wider), Some(excess));
            assert!(!held.covers(&wider));
        }
    }
}
