//! A call on its way: the guest's memory and state, and who answers.

use super::super::ctx::WasiCtx;
use super::super::descriptors::{Descriptor, Kind};
use super::super::errno::{Errno, Rule};
use super::super::memory::{GuestMemory, MAX_PATH_BYTES};
use super::super::resolve::GuestPath;
use super::super::types::{FdFlags, Rights};
use super::super::unstable::Layout;
use super::super::wait::Attempt;
use super::file::{VirtualFile, What};
use super::{Answer, Answers, Halt, Parts, Virtual};
use crate::{Caller, HostError};
use std::sync::{Mutex, MutexGuard};

/// The most folders that are open from the beginning, and as many sockets.
pub const MAX_PREOPENS: usize = 64;

/// The first number that is no standard stream's.
const FIRST_FILE: u32 = 3;

/// What a guest's state knows of those who answer for it.
#[derive(Debug, Default)]
pub struct State {
    /// Which interfaces others answer.
    pub parts: Parts,
    /// Whether it was asked what is open from the beginning.
    asked: bool,
    /// Whether that had no answer: then nobody knows what there is.
    failed: bool,
    /// Whether it was asked for the environment.
    pub env_asked: bool,
    /// Whether the audit was told that somebody broke its contract: once is enough.
    told: bool,
    /// Descriptors that listen from the beginning.
    pub listeners: Vec<u32>,
    /// What is open from the beginning. Others who are confined by the same module may have been told the same numbers, so
    /// none of them closes these for all.
    kept: Vec<VirtualFile>,
}

impl State {
    /// How many descriptors may still come that are open from the beginning: nobody has asked for them yet.
    pub fn expected(&self) -> usize {
        let parts = [self.parts.fs, self.parts.net];
        if self.asked { 0 } else { parts.into_iter().filter(|part| *part).count() * MAX_PREOPENS }
    }

    /// Notes that the audit is told that somebody broke its contract; says whether it had been before.
    pub fn tell(&mut self) -> bool {
        std::mem::replace(&mut self.told, true)
    }
}

impl WasiCtx {
    /// Has others answer for the guest: what it was granted of these kinds, it has not.
    #[doc(hidden)]
    pub fn confine(&mut self, parts: Parts) {
        self.virt.parts = parts;
        if parts.stdio {
            self.descriptors.set_streams([0, 1, 2].map(|number| Some(Descriptor::virtual_stream(number))));
        }
        if parts.env {
            self.env.clear();
        }
        if parts.clock {
            self.clocks = super::super::clock::ClockSource::Virtual { start_ns: 0 }.into();
        }
    }
}

/// One call.
pub struct Front<'a> {
    pub answers: &'a mut dyn Answers,
    pub ctx: &'a Mutex<WasiCtx>,
    pub layout: Layout,
}

/// What a guest has open, as it was when the call began.
#[derive(Clone, Debug)]
pub struct Held {
    pub file: VirtualFile,
    pub base: Rights,
    pub inheriting: Rights,
    pub flags: FdFlags,
}

impl Held {
    fn of(descriptor: &Descriptor) -> Option<Held> {
        let Kind::Virtual(file) = &descriptor.kind else { return None };
        let Descriptor { base, inheriting, flags, .. } = *descriptor;
        Some(Held { file: file.clone(), base, inheriting, flags })
    }

    /// As a descriptor of the guest asks for rights.
    pub fn require(&self, rights: Rights) -> Result<(), Errno> {
        Descriptor {
            kind: Kind::Virtual(self.file.clone()),
            base: self.base,
            inheriting: self.inheriting,
            flags: self.flags,
        }
        .require(rights)
    }

    /// The number of a file that is no folder and no stream: `otherwise` for a folder, `SPIPE` for a stream.
    pub fn seekable(&self, rights: Rights, otherwise: Errno) -> Result<u32, Errno> {
        match self.file.what {
            What::File(_) => self.require(rights).map(|()| self.file.node),
            What::Folder => Err(otherwise),
            _ => Err(Errno::SPIPE),
        }
    }

    /// The number of a folder, to be used for `rights`.
    pub fn folder(&self, rights: Rights) -> Result<u32, Errno> {
        match self.file.what {
            What::Folder => self.require(rights).map(|()| self.file.node),
            _ => Err(Errno::NOTDIR),
        }
    }

    /// Whether calls on it wait.
    pub fn waits(&self) -> bool {
        !self.flags.contains(FdFlags::NONBLOCK)
    }
}

impl Front<'_> {
    /// The guest's memory.
    pub fn mem(&mut self) -> Answer<GuestMemory<'_>> {
        let layout = self.layout;
        let (bytes, interrupt) = self.answers.memory()?;
        let mem = GuestMemory::interruptible(bytes, interrupt).again(layout, Attempt::default());
        mem.proceed()?;
        Ok(mem)
    }

    /// The guest's state. A state that a panic left half changed is not used again.
    pub fn state(&self) -> Answer<MutexGuard<'_, WasiCtx>> {
        self.ctx.lock().map_err(|_poisoned| Halt::Errno(Errno::NOTRECOVERABLE))
    }

    /// Which interfaces others answer.
    pub fn parts(&self) -> Answer<Parts> {
        Ok(self.state()?.virt.parts)
    }

    /// Sees to it that what is open from the beginning is.
    pub fn ready(&mut self) -> Answer<()> {
        let parts = {
            let mut ctx = self.state()?;
            if std::mem::replace(&mut ctx.virt.asked, true) {
                return if ctx.virt.failed { Err(Errno::IO.into()) } else { Ok(()) };
            }
            ctx.virt.parts
        };
        let opened = self.open_all(parts);
        if opened.is_err() {
            self.state()?.virt.failed = true;
        }
        opened
    }

    fn open_all(&mut self, parts: Parts) -> Answer<()> {
        let mut descriptors = Vec::new();
        if parts.fs {
            let preopens = self.answers.preopens()?;
            if preopens.len() > MAX_PREOPENS {
                return Err(Halt::Broken(format!("{} preopens: {MAX_PREOPENS} is the most", preopens.len())));
            }
            for preopen in preopens {
                let name = &preopen.name;
                if name.is_empty() || name.contains('\0') || name.len() > MAX_PATH_BYTES as usize {
                    return Err(Halt::Broken(
                        "the name of a preopen is empty, too long, or has a NUL in it".to_owned(),
                    ));
                }
                descriptors.push(Descriptor::virtual_preopen(preopen));
            }
        }
        if parts.net {
            let listeners = self.answers.listeners()?;
            if listeners.len() > MAX_PREOPENS {
                return Err(Halt::Broken(format!("{} listeners: {MAX_PREOPENS} is the most", listeners.len())));
            }
            descriptors.extend(listeners.into_iter().map(Descriptor::virtual_listener));
        }
        let mut ctx = self.state()?;
        let files = descriptors.iter().filter_map(Held::of).map(|held| held.file);
        ctx.virt.kept = files.collect();
        for descriptor in descriptors {
            let listens = matches!(&descriptor.kind, Kind::Virtual(file) if file.what == What::Listener);
            let number = ctx.descriptors.insert(descriptor)?;
            if listens {
                ctx.virt.listeners.push(number);
            }
        }
        Ok(())
    }

    /// What the guest has open as `fd`; [`Halt::Real`] if nobody else answers for it, or there is nothing.
    pub fn held(&mut self, fd: u32) -> Answer<Held> {
        if fd >= FIRST_FILE {
            match self.ready() {
                // What is there is there, even if nobody knows what should be besides: a folder that came with a call.
                Err(Halt::Errno(_)) if self.state()?.descriptors.get(fd).is_ok() => {}
                ready => ready?,
            }
        }
        self.state()?.descriptors.get(fd).ok().and_then(Held::of).ok_or(Halt::Real)
    }

    /// A path in the guest's memory, as it is written.
    pub fn path(&mut self, ptr: u32, len: u32) -> Answer<String> {
        let path = GuestPath::read(&self.mem()?, ptr, len)?;
        // It was found to be UTF-8.
        String::from_utf8(path.as_bytes().to_vec()).map_err(|_| Errno::ILSEQ.into())
    }

    /// Changes what is open as `fd`, if it still is what it was.
    pub fn update(&self, fd: u32, held: &Held, change: impl FnOnce(&mut VirtualFile)) -> Answer<()> {
        let mut ctx = self.state()?;
        if let Ok(Descriptor { kind: Kind::Virtual(file), .. }) = ctx.descriptors.get_mut(fd)
            && (file.what, file.node) == (held.file.what, held.file.node)
        {
            change(file);
        }
        Ok(())
    }

    /// Says that the guest has closed something, if it has it open under no other number, and it was not open from the
    /// beginning.
    pub fn release(&mut self, file: &VirtualFile) -> Answer<()> {
        {
            let ctx = self.state()?;
            if ctx.virt.kept.iter().any(|kept| file.is_of(kept))
                || ctx.descriptors.has_virtual(|other| file.is_of(other))
            {
                return Ok(());
            }
        }
        match file.what {
            What::File(_) | What::Folder => self.answers.close(file.node),
            What::Listener | What::Connection | What::Datagrams => self.answers.close_socket(file.node),
            What::Input | What::Output(_) => Ok(()),
        }
    }
}

/// Makes a call, if somebody else answers: gives the error number, 0 if there is none; `None` if the function that is there
/// for all is to be called. `denied` is told, with the reason, once that somebody broke its contract, and of what was
/// denied.
pub fn call(
    caller: &mut Caller<'_>,
    ctx: &Mutex<WasiCtx>,
    virt: &dyn Virtual,
    layout: Layout,
    function: impl Fn(&mut Front<'_>) -> Answer<()>,
    denied: impl Fn(&mut WasiCtx, &GuestMemory<'_>, Errno, Option<&str>),
) -> Result<Option<i32>, HostError> {
    let mut result = Err(Halt::Real);
    virt.answer(caller, &mut |answers| result = function(&mut Front { answers, ctx, layout }));
    let (errno, why) = match result {
        Ok(()) => return Ok(Some(0)),
        Err(Halt::Real) => return Ok(None),
        Err(Halt::Ends(error)) => return Err(error),
        Err(Halt::Errno(errno)) => (errno, None),
        Err(Halt::Broken(why)) => (Errno::IO.by(Rule::Virtualizer), Some(why)),
    };
    if errno.rule().is_some()
        && let Ok(mut ctx) = ctx.lock()
        && (why.is_none() || !ctx.virt.tell())
    {
        let (bytes, interrupt) = caller.memory_and_interrupt()?;
        denied(&mut ctx, &GuestMemory::interruptible(bytes, interrupt), errno, why.as_deref());
    }
    Ok(Some(errno.raw().into()))
}
