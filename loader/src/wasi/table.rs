//! The 46 functions of `wasi_snapshot_preview1`, and the 45 of `wasi_unstable` that are the same ones, and how they are
//! handed to the loader: the only file of this folder that knows it.

use super::audit::Denial;
use super::ctx::WasiCtx;
use super::errno::Errno;
use super::memory::GuestMemory;
use super::unstable::{self, Layout};
use super::virt::{self, Virtual};
use super::wait::{Attempt, Stop};
use super::{args, audit, clock, fd, fd_io, path, path_open, poll, process, random, readdir, sock, usage};
use crate::{Artifact, Caller, HostError, Imports, TrapCode};
use rustix::fd::AsFd;
use std::sync::{Arc, Mutex};

/// The name under which guests import preview 1.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// Hands preview 1 to the loader, and `wasi_unstable` before it, over what `ctx` grants.
pub fn add_to_imports(imports: &mut Imports, ctx: Arc<Mutex<WasiCtx>>) {
    add_virtual_to_imports(imports, &ctx, None, |_, _| true);
}

/// The same, of the functions that one of these modules imports: to make one of each takes longer than all else that a
/// small guest needs.
pub fn add_imported(imports: &mut Imports, ctx: Arc<Mutex<WasiCtx>>, modules: &[&Artifact]) {
    let names = modules.iter().flat_map(|module| {
        let view = module.view();
        view.imports()
            .iter()
            .filter_map(move |import| view.string(import.module).ok().zip(view.string(import.name).ok()))
    });
    let names: Vec<(&str, &str)> = names.collect();
    add_virtual_to_imports(imports, &ctx, None, |module, name| names.contains(&(module, name)));
}

/// The same, of the functions that are wanted, by module and name: most modules want few, and an application has many.
/// `virt`: who else answers for the guest, if anybody does.
pub(crate) fn add_virtual_to_imports(
    imports: &mut Imports,
    ctx: &Arc<Mutex<WasiCtx>>,
    virt: Option<&Arc<dyn Virtual>>,
    wanted: impl Fn(&str, &str) -> bool,
) {
    for (module, layout) in [(MODULE, Layout::Preview1), (unstable::MODULE, Layout::Unstable)] {
        register(imports, module, layout, (ctx, virt), &|name| wanted(module, name));
        if wanted(module, "proc_exit") {
            // It has no error number to return, and needs neither memory nor state.
            imports.func(module, "proc_exit", |_caller: &mut Caller<'_>, code: i32| -> Result<(), HostError> {
                Err(HostError::exit(process::proc_exit(code).code))
            });
        }
    }
}

/// Hands preview 1 to the loader, with nothing granted: see [`WasiCtx::inert`].
pub fn add_inert(imports: &mut Imports) {
    add_to_imports(imports, Arc::new(Mutex::new(WasiCtx::inert())));
}

/// Defines [`register`]: a row is the room, the function, and its parameters as WebAssembly passes them.
macro_rules! functions {
    ($($room:ident::$name:ident($($param:ident: $type:ident),*);)*) => {
        /// Every function that returns an error number, by name.
        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        fn register(
            imports: &mut Imports,
            module: &'static str,
            layout: Layout,
            (ctx, virt): (&Arc<Mutex<WasiCtx>>, Option<&Arc<dyn Virtual>>),
            wanted: &dyn Fn(&str) -> bool,
        ) {
            let owned = virt.map(|virt| (Arc::clone(ctx), Arc::clone(virt)));
            $('next: { if (layout == Layout::Preview1 || stringify!($name) != unstable::MISSING) && wanted(stringify!($name)) {
                let ctx = Arc::clone(ctx);
                let real = move |caller: &mut Caller<'_>, $($param: $type),*| {
                    let function = |ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>| {
                        $room::$name(ctx, mem, $($param.cast_unsigned()),*).map_err(Stop::from)
                    };
                    let used = |ctx: &WasiCtx, mem: &GuestMemory<'_>| {
                        usage::note(ctx, mem, stringify!($name), &[$($param.cast_unsigned().into()),*]);
                    };
                    call(caller, &ctx, layout, function, used, |ctx, mem, errno| {
                        let (names, values) = (&[$(stringify!($param)),*], &[$($param.cast_unsigned().into()),*]);
                        audit(ctx, mem, (errno, None), (module, stringify!($name)), names, values);
                    })
                };
                let Some((ctx, virt)) = owned.clone() else {
                    imports.func(module, stringify!($name), real);
                    break 'next;
                };
                imports.func(module, stringify!($name), move |caller: &mut Caller<'_>, $($param: $type),*| {
                    let function = |front: &mut virt::Front<'_>| virt::calls::$name(front, $($param.cast_unsigned()),*);
                    let answered = virt::call(caller, &ctx, &*virt, layout, function, |ctx, mem, errno, why| {
                        let (names, values) = (&[$(stringify!($param)),*], &[$($param.cast_unsigned().into()),*]);
                        audit(ctx, mem, (errno, why), (module, stringify!($name)), names, values);
                    })?;
                    answered.map_or_else(|| real(caller, $($param),*), Ok)
                });
            }})*
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
    poll::poll_oneoff(subscriptions: i32, events: i32, count: i32, count_out: i32);
    process::proc_raise(signal: i32);
    random::random_get(buf: i32, len: i32);
    process::sched_yield();
    sock::sock_accept(fd: i32, flags: i32, accepted: i32);
    sock::sock_recv(fd: i32, iovs: i32, iovs_len: i32, flags: i32, received: i32, flags_out: i32);
    sock::sock_send(fd: i32, iovs: i32, iovs_len: i32, flags: i32, sent: i32);
    sock::sock_shutdown(fd: i32, how: i32);
}

/// Makes a call on behalf of the guest that asked for it, with that guest's memory, as often as it has to wait, and returns
/// the error number. While it waits, nothing of the guest is locked.
///
/// An interrupt is not missed, whenever it comes: the descriptor that the wait sleeps on stays readable until the group is
/// resumed, which nobody can do while its guest is in here.
///
/// A state that a panic left half changed is not used again: whatever the guest had granted, it can then do nothing.
fn call(
    caller: &mut Caller<'_>,
    ctx: &Mutex<WasiCtx>,
    layout: Layout,
    function: impl Fn(&mut WasiCtx, &mut GuestMemory<'_>) -> Result<(), Stop>,
    used: impl Fn(&WasiCtx, &GuestMemory<'_>),
    denied: impl Fn(&mut WasiCtx, &GuestMemory<'_>, Errno),
) -> Result<i32, HostError> {
    let mut attempt = Attempt::default();
    loop {
        let (bytes, interrupt) = caller.memory_and_interrupt()?;
        let mut mem = GuestMemory::interruptible(bytes, interrupt).again(layout, attempt);
        let result = match ctx.lock() {
            Ok(mut ctx) => {
                if ctx.recorder.is_some() {
                    used(&ctx, &mem);
                }
                let result = function(&mut ctx, &mut mem);
                match &result {
                    Err(Stop::Errno(errno)) if errno.rule().is_some() => denied(&mut ctx, &mem, *errno),
                    Ok(()) if ctx.denied.is_some() => {
                        if let Some(errno) = ctx.denied.take() {
                            denied(&mut ctx, &mem, errno);
                        }
                    }
                    _ => {}
                }
                result
            }
            Err(_poisoned) => Err(Errno::NOTRECOVERABLE.into()),
        };
        attempt = mem.attempt;
        let wait = match result {
            Ok(()) => return Ok(0),
            Err(Stop::Errno(errno)) => return Ok(errno.raw().into()),
            Err(Stop::Interrupted) => return Err(interrupted()),
            Err(Stop::Wait(wait)) => wait,
        };
        // Where the host has no descriptor left for it, the wait looks around now and then.
        let signal = caller.interrupt_signal().ok();
        if let Err(errno) = wait.sleep(signal.as_ref().map(AsFd::as_fd)) {
            return Ok(errno.raw().into());
        }
        let (bytes, interrupt) = caller.memory_and_interrupt()?;
        if GuestMemory::interruptible(bytes, interrupt).proceed().is_err() {
            return Err(interrupted());
        }
    }
}

fn interrupted() -> HostError {
    HostError::Trap(TrapCode::Interrupt, None)
}

/// Tells the auditor of a call that was denied, if there is one.
#[cold]
fn audit(
    ctx: &mut WasiCtx,
    mem: &GuestMemory<'_>,
    (errno, why): (Errno, Option<&str>),
    (module, function): (&'static str, &'static str),
    names: &'static [&'static str],
    values: &[u64],
) {
    let (Some(rule), Some(auditor)) = (errno.rule(), &mut ctx.auditor) else { return };
    let arguments = audit::arguments(names, values, mem);
    auditor(&Denial { module, function, arguments: &arguments, errno, rule, why });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_46_functions_are_there_once() {
        let mut names = [NAMES, &["proc_exit"]].concat();
        assert_eq!(names.len(), 46);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 46);
        let mut imports = Imports::new();
        add_inert(&mut imports);
        for name in names {
            assert!(imports.contains(MODULE, name), "{name}");
            assert_eq!(imports.contains(unstable::MODULE, name), name != unstable::MISSING, "{name}");
        }
        assert!(!imports.contains(MODULE, "") && imports.contains(MODULE, unstable::MISSING));
    }
}
