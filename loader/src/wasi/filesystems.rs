//! The file systems whose files are ways into the kernel, into processes or into devices, and not data: none of their
//! files or directories is ever opened, looked at or changed for a guest.
//!
//! `/proc/self/mem` is a regular file, and writes through everything that is mapped, read-only code included.

use super::errno::{Errno, retry};
use rustix::fd::AsFd;

/// Their numbers in `statfs(2)`, from `linux/magic.h` where that has them, else from the file system's own source.
const FORBIDDEN: [u64; 48] = [
    0x0000_9fa0, // procfs
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x5a3c_69f0, // AppArmor
    0x0027_e0eb, // cgroup, cpuset
    0x6367_7270, // cgroup2
    0x0765_5821, // resctrl
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0xde5e_81e4, // efivarfs
    0x6165_676c, // pstore
    0x0000_1cd1, // devpts
    0x1980_0202, // mqueue
    0x6e73_6673, // nsfs
    0x4249_4e4d, // binfmt_misc
    0x6573_5543, // fusectl: not FUSE, whose files are data
    0x6c6f_6f70, // binderfs
    0x0a64_7361, // functionfs: endpoints of a USB device
    0xaee7_1ee7, // gadgetfs: the same
    0x0000_9fa2, // usbfs
    0x76a9_f425, // ocfs2_dlmfs: locks of a cluster
    0x23c9_b64e, // spufs: processors
    0x0000_9fa1, // openpromfs
    0xabba_1974, // xenfs
    0x0068_7970, // hypfs: the hypervisor of s390
    0x6f70_726f, // oprofilefs
    0x6759_6969, // rpc_pipefs
    0x6e66_7364, // nfsd
    0x6672_6f67, // ibmasmfs: a service processor
    0x0072_6a77, // ipathfs, qibfs: InfiniBand adapters
    0x5049_5045, // pipefs, and below what is mounted nowhere, but by the kernel itself
    0x534f_434b, // sockfs
    0x5049_4446, // pidfs
    0x0904_1934, // anonymous inodes
    0x0bad_1dea, // futexfs
    0x2bad_1dea, // inotifyfs
    0x6264_6576, // block devices
    0x6464_6178, // device-dax
    0x1130_7854, // memory technology devices
    0x444d_4142, // DMA buffers
    0x454d_444d, // /dev/mem
    0x5345_434d, // secret memory
    0x474d_454d, // memory of virtual machines
    0x0103_02ff, // graphics adapters
];

/// Whether files on the file system with this number are never handed out.
pub(super) fn is_forbidden_magic(magic: u64) -> bool {
    FORBIDDEN.contains(&magic)
}

/// Whether a descriptor is on a file system that is never handed out.
pub(super) fn is_forbidden(fd: impl AsFd) -> Result<bool, Errno> {
    Ok(is_forbidden_magic(retry(|| magic_of(&fd))?))
}

/// The number of the file system; the kernel's type for it differs in width and sign between architectures.
#[allow(clippy::unnecessary_cast, reason = "see above")]
pub(super) fn magic_of(fd: impl AsFd) -> rustix::io::Result<u64> {
    Ok(rustix::fs::fstatfs(fd)?.f_type as u64 & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags};

    #[test]
    fn each_number_is_there_once() {
        let mut numbers = FORBIDDEN.to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), FORBIDDEN.len());
    }

    #[test]
    fn the_kernels_file_systems_are_known_and_those_of_data_are_not_among_them() {
        for (path, forbidden) in [
            ("/proc", true),
            ("/sys", true),
            ("/dev/pts", true),
            ("/sys/fs/cgroup/unified", true),
            ("/sys/kernel/debug", true),
            ("/", false),
            ("/dev/shm", false),
        ] {
            let Ok(fd) = rustix::fs::open(path, OFlags::PATH, Mode::empty()) else { continue };
            // What is not mounted shows the file system below.
            let mounted = !path.starts_with("/sys/")
                || magic_of(&fd) != magic_of(rustix::fs::open("/sys", OFlags::PATH, Mode::empty()).unwrap());
            if mounted {
                assert_eq!(is_forbidden(&fd), Ok(forbidden), "{path}");
            }
        }
        for data in [0xef53, 0x0102_1994, 0x5846_5342, 0x9123_683e, 0x794c_7630, 0x6573_5546, 0x6969, 0x0102_1997] {
            assert!(!is_forbidden_magic(data), "{data:#x}: ext, tmpfs, xfs, btrfs, overlayfs, FUSE, NFS, 9p");
        }
    }
}
