//! Which of preview 1's functions reach which kind of capability: what makes an import wired rather than inert.

use super::cap::CapKind;
use bailiwick_loader::wasi::{DirRights, MODULE, UNSTABLE_MODULE};

/// What a function of the system interface is a way to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To any capability of these kinds that the module holds.
    To(&'static [CapKind]),
    /// To nothing but the module itself.
    Itself,
}

/// What a function of the system interface is a way to; `None`: there is no such function.
pub fn way(module: &str, function: &str) -> Option<Way> {
    if module == super::virt::Virt::Net.interface() {
        return Some(Way::To(match function {
            "resolve" => &[CapKind::Dns],
            "connect" | "listen" | "listeners" | "accept" => &[CapKind::Tcp],
            "bind" | "send-to" | "receive-from" => &[CapKind::Udp],
            _ => &[CapKind::Tcp, CapKind::Udp],
        }));
    }
    if module != MODULE && module != UNSTABLE_MODULE {
        return None;
    }
    const FILES: Way = Way::To(&[CapKind::Dir]);
    const STREAMS: Way = Way::To(&[CapKind::Dir, CapKind::Stdio, CapKind::Tcp, CapKind::Udp]);
    Some(match function {
        "args_get" | "args_sizes_get" => Way::To(&[CapKind::Args]),
        "environ_get" | "environ_sizes_get" => Way::To(&[CapKind::Env]),
        "clock_res_get" | "clock_time_get" => Way::To(&[CapKind::Clock]),
        "random_get" => Way::To(&[CapKind::Random]),
        "poll_oneoff" => Way::To(&[CapKind::Clock, CapKind::Stdio, CapKind::Dir, CapKind::Tcp, CapKind::Udp]),
        "fd_read"
        | "fd_write"
        | "fd_close"
        | "fd_fdstat_get"
        | "fd_fdstat_set_flags"
        | "fd_fdstat_set_rights"
        | "fd_filestat_get"
        | "fd_renumber" => STREAMS,
        "fd_advise"
        | "fd_allocate"
        | "fd_datasync"
        | "fd_filestat_set_size"
        | "fd_filestat_set_times"
        | "fd_pread"
        | "fd_prestat_get"
        | "fd_prestat_dir_name"
        | "fd_pwrite"
        | "fd_readdir"
        | "fd_seek"
        | "fd_sync"
        | "fd_tell"
        | "path_create_directory"
        | "path_filestat_get"
        | "path_filestat_set_times"
        | "path_link"
        | "path_open"
        | "path_readlink"
        | "path_remove_directory"
        | "path_rename"
        | "path_symlink"
        | "path_unlink_file" => FILES,
        "sock_accept" if module == MODULE => Way::To(&[CapKind::Tcp]),
        "sock_recv" | "sock_send" | "sock_shutdown" => Way::To(&[CapKind::Tcp]),
        "proc_exit" | "proc_raise" | "sched_yield" => Way::Itself,
        _ => return None,
    })
}

/// The rights of folders that a function uses: what it does with files it does by one of these.
pub fn rights(function: &str) -> DirRights {
    match function {
        "path_open" => DirRights::LIST | DirRights::READ | DirRights::WRITE | DirRights::CREATE,
        "fd_readdir" => DirRights::LIST,
        "fd_read" | "fd_pread" | "path_readlink" => DirRights::READ,
        "fd_write" | "fd_pwrite" | "fd_allocate" | "fd_filestat_set_size" => DirRights::WRITE,
        "path_create_directory" => DirRights::CREATE,
        "path_remove_directory" | "path_unlink_file" => DirRights::DELETE,
        // What a rename replaces is gone.
        "path_rename" => DirRights::RENAME | DirRights::DELETE,
        "path_link" => DirRights::LINK,
        "path_symlink" => DirRights::SYMLINK,
        "fd_filestat_set_times" | "path_filestat_set_times" => DirRights::TIMES,
        _ => DirRights::NONE,
    }
}
