//! Confinement: a compiler that reads a stranger's module can compute, read and write what it was given, and no more.
//!
//! The filter stands before the first byte of input is read. What the process needs besides (which files there are, how
//! many processors, whether standard error is a terminal) it has to find out before. What the filter does not allow ends
//! the process with `SIGSYS`.

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// System calls that are allowed with any arguments: memory that is there, threads that are there, descriptors that are
/// open, clocks, and the end.
const ALLOWED: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    // Answered with ENOSYS by the second filter.
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// A condition on an argument: its low half, masked, is this.
type Condition = (u8, u64, u64);

/// System calls that are allowed if all conditions of one line hold.
fn conditional() -> Vec<(c_long, Vec<Condition>)> {
    let exec = libc::PROT_EXEC as u64;
    let empty_path = libc::AT_EMPTY_PATH as u64;
    let all = u64::from(u32::MAX);
    // Names a mapping; the C library's allocator may.
    const PR_SET_VMA: u64 = 0x5356_4d41;
    vec![
        // Nothing becomes executable.
        (libc::SYS_mmap, vec![(2, exec, 0)]),
        (libc::SYS_mprotect, vec![(2, exec, 0)]),
        // Threads, and no processes.
        (libc::SYS_clone, vec![(0, libc::CLONE_THREAD as u64, libc::CLONE_THREAD as u64)]),
        // Of descriptors.
        (libc::SYS_newfstatat, vec![(3, empty_path, empty_path)]),
        (libc::SYS_statx, vec![(2, empty_path, empty_path)]),
        (libc::SYS_prctl, vec![(0, all, libc::PR_SET_NAME as u64)]),
        (libc::SYS_prctl, vec![(0, all, PR_SET_VMA)]),
        // Reading its own limits.
        (libc::SYS_prlimit64, vec![(0, all, 0), (2, all, 0)]),
        // Aborting itself.
        (libc::SYS_tgkill, vec![(0, all, u64::from(std::process::id()))]),
    ]
}

/// Confines this thread and all that it starts; it must be the only one. Where the kernel has no such filters, as under an emulator, nothing is
/// confined, and that is no error: the result says whether it is.
pub fn confine() -> Result<bool, String> {
    // A panic becomes an error of the function it is about; a backtrace would want to read this program's file.
    std::panic::set_hook(Box::new(|panic| {
        crate::text::say(&panic.to_string());
    }));
    settle_allocator();
    // Whoever asked for the artifact is gone: nobody wants it. Where the system can't say so, it is compiled for nobody.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let failed = |error: &dyn std::fmt::Display| format!("it can't be confined: {error}");
    for filter in filters().map_err(|error| failed(&error))? {
        match seccompiler::apply_filter(&filter) {
            Err(Error::Seccomp(error) | Error::Prctl(error))
                if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) =>
            {
                return Ok(false);
            }
            result => result.map_err(|error| failed(&error))?,
        }
    }
    Ok(true)
}

/// Settings of the C library's allocator (`mallopt(3)`), without which it would open a file at some time.
#[cfg(target_env = "gnu")]
const ALLOCATOR: &[(i32, i32)] = &[
    // Most heaps, each for some threads. By default it is eight for each processor, which are counted when many threads
    // allocate.
    (libc::M_ARENA_MAX, 64),
    // Heaps don't shrink. How to do that depends on /proc/sys/vm/overcommit_memory.
    (libc::M_TRIM_THRESHOLD, -1),
    // What is larger is mapped. With the setting above, this one does not adapt itself any more.
    (libc::M_MMAP_THRESHOLD, 8 << 20),
];

fn settle_allocator() {
    #[cfg(target_env = "gnu")]
    for &(parameter, value) in ALLOCATOR {
        // SAFETY: `mallopt` takes two integers by value; the manual names no precondition but that of threads: "MT-Unsafe
        // init const:mallopt". It is called before this process starts a thread.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// The filters in the order in which they are installed. Of what they answer, the strictest counts.
fn filters() -> Result<Vec<BpfProgram>, BackendError> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    // A filter does not see the flags of `clone3`; without it, the C library uses `clone`.
    let no_clone3 = SeccompFilter::new(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        arch,
    )?;
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> = ALLOWED.iter().map(|&call| (call, Vec::new())).collect();
    for (call, conditions) in conditional() {
        let conditions = conditions.into_iter().map(|(argument, mask, value)| {
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
        });
        rules.entry(call).or_default().push(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?);
    }
    let allowed = SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch)?;
    [no_clone3, allowed].into_iter().map(BpfProgram::try_from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    /// Says to [`child`], in a process of its own, what to try.
    const TRY: &str = "BAILIWICK_TEST_CONFINED";
    /// How a process ends that this kernel does not confine.
    const UNCONFINED: i32 = 77;

    #[test]
    fn child() {
        let Ok(what) = std::env::var(TRY) else { return };
        if !confine().unwrap() {
            std::process::exit(UNCONFINED);
        }
        match what.as_str() {
            "compile" => {
                let threads: Vec<_> = (0..20)
                    .map(|i| {
                        let thread = std::thread::Builder::new().name(format!("worker {i}")).stack_size(32 << 20);
                        thread.spawn(move || vec![1u8; i << 16].len()).unwrap()
                    })
                    .collect();
                let _ = std::panic::catch_unwind(|| panic!("is allowed"));
                assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 190 << 16);
            }
            "open" => drop(std::fs::File::open("/dev/null")),
            "create" => drop(std::fs::File::create("/dev/null")),
            "process" => drop(Command::new("/bin/true").status()),
            "socket" => drop(std::net::UdpSocket::bind("127.0.0.1:0")),
            "folder" => drop(std::fs::read_dir("/")),
            "signal" => drop(rustix::process::test_kill_process(rustix::process::Pid::INIT)),
            _ => unreachable!("{what}"),
        }
    }

    #[test]
    fn what_compiling_needs_is_allowed_and_all_else_ends_the_process() {
        for what in ["compile", "open", "create", "process", "socket", "folder", "signal"] {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child
                .args(["--exact", "confine::tests::child", "--test-threads=1"])
                .env(TRY, what)
                .env("RUST_BACKTRACE", "1");
            let output = child.output().unwrap();
            if output.status.code() == Some(UNCONFINED) {
                return;
            }
            if what == "compile" {
                assert!(output.status.success(), "{what}: {output:?}");
            } else {
                assert_eq!(output.status.signal(), Some(libc::SIGSYS), "{what}: {output:?}");
            }
        }
    }
}
