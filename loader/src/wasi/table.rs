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
use crate::host::HostFunc;
use crate::{Artifact, Caller, HostError, Imports, TrapCode, ValType};
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
pub fn add_virtual_to_imports(
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

/// A function that returns an error number. What it is made of is data, so that one routine calls all of them.
struct Function {
    name: &'static str,
    /// Its parameters, by name and type.
    names: &'static [&'static str],
    types: &'static [ValType],
    /// The function itself, over parameters as words.
    real: fn(&mut WasiCtx, &mut GuestMemory<'_>, &[u64]) -> Result<(), Stop>,
    /// The one for a guest for which others answer.
    virt: fn(&mut virt::Front<'_>, &[u64]) -> virt::Answer<()>,
}

macro_rules! value_type {
    (u32) => {
        ValType::I32
    };
    (u64) => {
        ValType::I64
    };
}

/// Defines [`FUNCTIONS`]: a row is the room, the function, and its parameters.
macro_rules! functions {
    ($($room:ident::$name:ident($($param:ident: $type:ident),*);)*) => {
        const FUNCTIONS: &[Function] = &[$(Function {
            name: stringify!($name),
            names: &[$(stringify!($param)),*],
            types: &[$(value_type!($type)),*],
            real: |ctx, mem, words| {
                // There are as many as types.
                let &[$($param),*] = words else { return Err(Errno::INVAL.into()) };
                $room::$name(ctx, mem, $($param as $type),*).map_err(Stop::from)
            },
            virt: |front, words| {
                let &[$($param),*] = words else { return Err(Errno::INVAL.into()) };
                virt::calls::$name(front, $($param as $type),*)
            },
        }),*];
    };
}

functions! {
    args::args_get(argv: u32, buf: u32);
    args::args_sizes_get(count: u32, size: u32);
    args::environ_get(environ: u32, buf: u32);
    args::environ_sizes_get(count: u32, size: u32);
    clock::clock_res_get(id: u32, resolution: u32);
    clock::clock_time_get(id: u32, precision: u64, time: u32);
    fd::fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
    fd::fd_allocate(fd: u32, offset: u64, len: u64);
    fd::fd_close(fd: u32);
    fd::fd_datasync(fd: u32);
    fd::fd_fdstat_get(fd: u32, stat: u32);
    fd::fd_fdstat_set_flags(fd: u32, flags: u32);
    fd::fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
    fd::fd_filestat_get(fd: u32, stat: u32);
    fd::fd_filestat_set_size(fd: u32, size: u64);
    fd::fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, flags: u32);
    fd_io::fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32);
    fd::fd_prestat_get(fd: u32, prestat: u32);
    fd::fd_prestat_dir_name(fd: u32, path: u32, path_len: u32);
    fd_io::fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32);
    fd_io::fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32);
    readdir::fd_readdir(fd: u32, buf: u32, len: u32, cookie: u64, used: u32);
    fd::fd_renumber(from: u32, to: u32);
    fd_io::fd_seek(fd: u32, offset: u64, whence: u32, new_offset: u32);
    fd::fd_sync(fd: u32);
    fd_io::fd_tell(fd: u32, offset: u32);
    fd_io::fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32);
    path::path_create_directory(fd: u32, path: u32, path_len: u32);
    path::path_filestat_get(fd: u32, lookup: u32, path: u32, path_len: u32, stat: u32);
    path::path_filestat_set_times(fd: u32, lookup: u32, path: u32, path_len: u32, accessed: u64, modified: u64, flags: u32);
    path::path_link(old_fd: u32, lookup: u32, old: u32, old_len: u32, new_fd: u32, new: u32, new_len: u32);
    path_open::path_open(
        fd: u32, lookup: u32, path: u32, path_len: u32, oflags: u32, base: u64, inheriting: u64, fdflags: u32, opened: u32
    );
    path::path_readlink(fd: u32, path: u32, path_len: u32, buf: u32, len: u32, used: u32);
    path::path_remove_directory(fd: u32, path: u32, path_len: u32);
    path::path_rename(fd: u32, old: u32, old_len: u32, new_fd: u32, new: u32, new_len: u32);
    path::path_symlink(target: u32, target_len: u32, fd: u32, path: u32, path_len: u32);
    path::path_unlink_file(fd: u32, path: u32, path_len: u32);
    poll::poll_oneoff(subscriptions: u32, events: u32, count: u32, count_out: u32);
    process::proc_raise(signal: u32);
    random::random_get(buf: u32, len: u32);
    process::sched_yield();
    sock::sock_accept(fd: u32, flags: u32, accepted: u32);
    sock::sock_recv(fd: u32, iovs: u32, iovs_len: u32, flags: u32, received: u32, flags_out: u32);
    sock::sock_send(fd: u32, iovs: u32, iovs_len: u32, flags: u32, sent: u32);
    sock::sock_shutdown(fd: u32, how: u32);
}

fn register(
    imports: &mut Imports,
    module: &'static str,
    layout: Layout,
    (ctx, virt): (&Arc<Mutex<WasiCtx>>, Option<&Arc<dyn Virtual>>),
    wanted: &dyn Fn(&str) -> bool,
) {
    for function in FUNCTIONS {
        if (layout == Layout::Preview1 || function.name != unstable::MISSING) && wanted(function.name) {
            let granted = Granted { function, module, layout, ctx: Arc::clone(ctx), virt: virt.cloned() };
            let called = move |caller: &mut Caller<'_>, words: &[u64]| granted.call(caller, words);
            imports.host(module, function.name, HostFunc::integers(function.types, &[ValType::I32], called));
        }
    }
}

/// A function that a guest is granted.
struct Granted {
    function: &'static Function,
    /// Under which name.
    module: &'static str,
    layout: Layout,
    ctx: Arc<Mutex<WasiCtx>>,
    virt: Option<Arc<dyn Virtual>>,
}

impl Granted {
    fn call(&self, caller: &mut Caller<'_>, words: &[u64]) -> Result<i32, HostError> {
        if let Some(virt) = &self.virt {
            let function = |front: &mut virt::Front<'_>| (self.function.virt)(front, words);
            let denied = |ctx: &mut WasiCtx, mem: &GuestMemory<'_>, errno, why: Option<&str>| {
                self.audit(ctx, mem, (errno, why), words);
            };
            if let Some(answer) = virt::call(caller, &self.ctx, &**virt, self.layout, function, denied)? {
                return Ok(answer);
            }
        }
        self.call_real(caller, words)
    }

    /// Tells the auditor of a call that was denied, if there is one.
    #[cold]
    fn audit(&self, ctx: &mut WasiCtx, mem: &GuestMemory<'_>, (errno, why): (Errno, Option<&str>), words: &[u64]) {
        let (Some(rule), Some(auditor)) = (errno.rule(), &mut ctx.auditor) else { return };
        let arguments = audit::arguments(self.function.names, words, mem);
        let (module, function) = (self.module, self.function.name);
        auditor(&Denial { module, function, arguments: &arguments, errno, rule, why });
    }

    /// Makes a call on behalf of the guest that asked for it, with that guest's memory, as often as it has to wait, and returns
    /// the error number. While it waits, nothing of the guest is locked.
    ///
    /// An interrupt is not missed, whenever it comes: the descriptor that the wait sleeps on stays readable until the group is
    /// resumed, which nobody can do while its guest is in here.
    ///
    /// A state that a panic left half changed is not used again: whatever the guest had granted, it can then do nothing.
    fn call_real(&self, caller: &mut Caller<'_>, words: &[u64]) -> Result<i32, HostError> {
        let mut attempt = Attempt::default();
        loop {
            let (bytes, interrupt) = caller.memory_and_interrupt()?;
            let mut mem = GuestMemory::interruptible(bytes, interrupt).again(self.layout, attempt);
            let result = match self.ctx.lock() {
                Ok(mut ctx) => {
                    if ctx.recorder.is_some() {
                        usage::note(&ctx, &mem, self.function.name, words);
                    }
                    let result = (self.function.real)(&mut ctx, &mut mem, words);
                    match &result {
                        Err(Stop::Errno(errno)) if errno.rule().is_some() => {
                            self.audit(&mut ctx, &mem, (*errno, None), words)
                        }
                        Ok(()) if ctx.denied.is_some() => {
                            if let Some(errno) = ctx.denied.take() {
                                self.audit(&mut ctx, &mem, (errno, None), words);
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
}

fn interrupted() -> HostError {
    HostError::Trap(TrapCode::Interrupt, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_46_functions_are_there_once() {
        let mut names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).chain(["proc_exit"]).collect();
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
