//! The 46 functions of `wasi_snapshot_preview1`, and how they are handed to the loader: the only file of this folder that
//! knows it.

use super::audit::Denial;
use super::ctx::WasiCtx;
use super::errno::Errno;
use super::memory::GuestMemory;
use super::wait::Stop;
use super::{args, audit, clock, fd, fd_io, path, path_open, poll, process, random, readdir, sock};
use crate::{Caller, HostError, Imports, TrapCode};
use rustix::fd::AsFd;
use std::sync::{Arc, Mutex};

/// The name under which guests import preview 1.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// Hands preview 1 to the loader, over what `ctx` grants.
pub fn add_to_imports(imports: &mut Imports, ctx: Arc<Mutex<WasiCtx>>) {
    register(imports, MODULE, &ctx);
    // It writes down when it began, for the times that it waits for.
    let polled = Arc::clone(&ctx);
    imports.func(
        MODULE,
        "poll_oneoff",
        move |caller: &mut Caller<'_>, subscriptions: i32, events: i32, count: i32, count_out: i32| {
            let [subscriptions, events, count, count_out] =
                [subscriptions, events, count, count_out].map(i32::cast_unsigned);
            let mut began = None;
            let told = Told {
                module: MODULE,
                function: "poll_oneoff",
                names: &["subscriptions", "events", "count", "count_out"],
                values: &[subscriptions, events, count, count_out].map(u64::from),
            };
            call(caller, &polled, told, |ctx, mem| {
                poll::poll_oneoff(ctx, mem, &mut began, subscriptions, events, count, count_out)
            })
        },
    );
    // It has no error number to return, and needs neither memory nor state.
    imports.func(MODULE, "proc_exit", |_caller: &mut Caller<'_>, code: i32| -> Result<(), HostError> {
        Err(HostError::exit(process::proc_exit(code).code))
    });
}

/// Hands preview 1 to the loader, with nothing granted: see [`WasiCtx::inert`].
pub fn add_inert(imports: &mut Imports) {
    add_to_imports(imports, Arc::new(Mutex::new(WasiCtx::inert())));
}

/// Defines [`register`]: a row is the room, the function, and its parameters as WebAssembly passes them.
macro_rules! functions {
    ($($room:ident::$name:ident($($param:ident: $type:ident),*);)*) => {
        /// Every function that returns an error number, by name, but for `poll_oneoff`.
        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        fn register(imports: &mut Imports, module: &'static str, ctx: &Arc<Mutex<WasiCtx>>) {
            $({
                let ctx = Arc::clone(ctx);
                imports.func(module, stringify!($name), move |caller: &mut Caller<'_>, $($param: $type),*| {
                    let told = Told {
                        module,
                        function: stringify!($name),
                        names: &[$(stringify!($param)),*],
                        values: &[$($param.cast_unsigned().into()),*],
                    };
                    call(caller, &ctx, told, |ctx, mem| {
                        $room::$name(ctx, mem, $($param.cast_unsigned()),*).map_err(Stop::from)
                    })
                });
            })*
        }
    };
}

functions! {
    args::args_get(argv: i32, buf: i32);
    args::args_sizes_get(count: i32, size: i32);
    args::environ_get(environ: i32, buf: i32);
    args::environ_sizes_get(count: i32, size: i32);
    clock::clock_res_get(id: i32, resolution: i32);
    clock::clock_time_get(id: i32, precision: i64, time: i32);
    fd::fd_advise(fd: i32, offset: i64, len: i64, advice: i32);
    fd::fd_allocate(fd: i32, offset: i64, len: i64);
    fd::fd_close(fd: i32);
    fd::fd_datasync(fd: i32);
    fd::fd_fdstat_get(fd: i32, stat: i32);
    fd::fd_fdstat_set_flags(fd: i32, flags: i32);
    fd::fd_fdstat_set_rights(fd: i32, base: i64, inheriting: i64);
    fd::fd_filestat_get(fd: i32, stat: i32);
    fd::fd_filestat_set_size(fd: i32, size: i64);
    fd::fd_filestat_set_times(fd: i32, accessed: i64, modified: i64, flags: i32);
    fd_io::fd_pread(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nread: i32);
    fd::fd_prestat_get(fd: i32, prestat: i32);
    fd::fd_prestat_dir_name(fd: i32, path: i32, path_len: i32);
    fd_io::fd_pwrite(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nwritten: i32);
    fd_io::fd_read(fd: i32, iovs: i32, iovs_len: i32, nread: i32);
    readdir::fd_readdir(fd: i32, buf: i32, len: i32, cookie: i64, used: i32);
    fd::fd_renumber(from: i32, to: i32);
    fd_io::fd_seek(fd: i32, offset: i64, whence: i32, new_offset: i32);
    fd::fd_sync(fd: i32);
    fd_io::fd_tell(fd: i32, offset: i32);
    fd_io::fd_write(fd: i32, iovs: i32, iovs_len: i32, nwritten: i32);
    path::path_create_directory(fd: i32, path: i32, path_len: i32);
    path::path_filestat_get(fd: i32, lookup: i32, path: i32, path_len: i32, stat: i32);
    path::path_filestat_set_times(fd: i32, lookup: i32, path: i32, path_len: i32, accessed: i64, modified: i64, flags: i32);
    path::path_link(old_fd: i32, lookup: i32, old: i32, old_len: i32, new_fd: i32, new: i32, new_len: i32);
    path_open::path_open(
        fd: i32, lookup: i32, path: i32, path_len: i32, oflags: i32, base: i64, inheriting: i64, fdflags: i32, opened: i32
    );
    path::path_readlink(fd: i32, path: i32, path_len: i32, buf: i32, len: i32, used: i32);
    path::path_remove_directory(fd: i32, path: i32, path_len: i32);
    path::path_rename(fd: i32, old: i32, old_len: i32, new_fd: i32, new: i32, new_len: i32);
    path::path_symlink(target: i32, target_len: i32, fd: i32, path: i32, path_len: i32);
    path::path_unlink_file(fd: i32, path: i32, path_len: i32);
    process::proc_raise(signal: i32);
    random::random_get(buf: i32, len: i32);
    process::sched_yield();
    sock::sock_accept(fd: i32, flags: i32, accepted: i32);
    sock::sock_recv(fd: i32, iovs: i32, iovs_len: i32, flags: i32, received: i32, flags_out: i32);
    sock::sock_send(fd: i32, iovs: i32, iovs_len: i32, flags: i32, sent: i32);
    sock::sock_shutdown(fd: i32, how: i32);
}

/// What an audit is told of a call.
struct Told<'a> {
    module: &'static str,
    function: &'static str,
    names: &'static [&'static str],
    values: &'a [u64],
}

/// Makes a call on behalf of the guest that asked for it, with that guest's memory, as often as it has to wait, and returns
/// the error number. While it waits, nothing of the guest is locked.
///
/// A state that a panic left half changed is not used again: whatever the guest had granted, it can then do nothing.
fn call(
    caller: &mut Caller<'_>,
    ctx: &Mutex<WasiCtx>,
    told: Told<'_>,
    mut function: impl FnMut(&mut WasiCtx, &mut GuestMemory<'_>) -> Result<(), Stop>,
) -> Result<i32, HostError> {
    loop {
        let (bytes, interrupt) = caller.memory_and_interrupt()?;
        let mut mem = GuestMemory::interruptible(bytes, interrupt);
        let result = match ctx.lock() {
            Ok(mut ctx) => {
                let result = function(&mut ctx, &mut mem);
                if let Err(Stop::Errno(errno)) = &result {
                    audit(&mut ctx, &mem, &told, *errno);
                }
                result
            }
            Err(_poisoned) => Err(Errno::NOTRECOVERABLE.into()),
        };
        let wait = match result {
            Ok(()) => return Ok(0),
            Err(Stop::Errno(errno)) => return Ok(errno.raw().into()),
            Err(Stop::Interrupted) => return Err(interrupted()),
            Err(Stop::Wait(wait)) => wait,
        };
        let signal = caller.interrupt_signal()?;
        if let Err(errno) = wait.sleep(Some(signal.as_fd())) {
            return Ok(errno.raw().into());
        }
        if signal.requested() {
            return Err(interrupted());
        }
    }
}

fn interrupted() -> HostError {
    HostError::Trap(TrapCode::Interrupt, None)
}

/// Tells the auditor, if the call was denied and there is one.
fn audit(ctx: &mut WasiCtx, mem: &GuestMemory<'_>, told: &Told<'_>, errno: Errno) {
    let (Some(rule), Some(auditor)) = (errno.rule(), &mut ctx.auditor) else { return };
    let arguments = audit::arguments(told.names, told.values, mem);
    auditor(&Denial { module: told.module, function: told.function, arguments: &arguments, errno, rule });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_46_functions_are_there_once() {
        let mut names = [NAMES, &["poll_oneoff", "proc_exit"]].concat();
        assert_eq!(names.len(), 46);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 46);
    }
}
