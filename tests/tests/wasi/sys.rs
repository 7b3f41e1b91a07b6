//! A guest that makes the calls that a test tells it to, and its memory: see `guests/wasi_calls.wat`.

use crate::abi::{Errno, u32_in, u64_in};
use crate::watchdog::Watched;
use crate::world::{World, preopen};
use bailiwick_loader::wasi::{self, DirGrant, WasiCtx, WasiCtxBuilder};
use bailiwick_loader::{Artifact, Error, Group, Imports, Instance, Memory, Val};
use bailiwick_tests::compile::artifact_bytes;
use std::sync::{Arc, Mutex, OnceLock};

/// The text of the guest.
pub const GUEST: &str = include_str!("../../guests/wasi_calls.wat");

/// Bytes of the guest's memory.
pub const MEMORY: u32 = 4 << 16;

/// Where results go that are not the test's own choice, 256 bytes apart so that nothing runs into the next.
pub const OUT: u32 = 0x100;
/// Where a second result goes.
pub const OUT2: u32 = 0x200;
/// Where vectors lie.
pub const IOVS: u32 = 0x1000;
/// Where a path lies, the second one of a call above it.
pub const PATH: u32 = 0x4000;
/// Where the second path lies.
pub const PATH2: u32 = 0x8000;
/// Where data lie that are written, or are to be read into.
pub const DATA: u32 = 0x1_0000;

/// The only directory of [`Sys::over`].
pub const DIR: u32 = 3;

/// A guest, in a group of its own.
pub struct Sys {
    pub group: Group,
    instance: Instance,
    memory: Memory,
    #[allow(dead_code, reason = "dropped, not read")]
    watched: Watched,
    /// Kept as long as the guest.
    #[allow(dead_code, reason = "dropped, not read")]
    world: Option<World>,
}

/// A number as a call passes it.
pub trait Argument {
    fn val(self) -> Val;
}

impl Argument for u32 {
    fn val(self) -> Val {
        Val::I32(self.cast_signed())
    }
}

impl Argument for i32 {
    fn val(self) -> Val {
        Val::I32(self)
    }
}

impl Argument for u64 {
    fn val(self) -> Val {
        Val::I64(self.cast_signed())
    }
}

impl Argument for i64 {
    fn val(self) -> Val {
        Val::I64(self)
    }
}

/// Makes a call, with exactly these arguments.
macro_rules! call {
    ($sys:expr, $name:ident($($argument:expr),* $(,)?)) => {
        $sys.call(stringify!($name), &[$($crate::sys::Argument::val($argument)),*])
    };
}
pub(crate) use call;

impl Sys {
    /// A guest that is granted what `grant` says.
    pub fn new(grant: impl FnOnce(&mut WasiCtxBuilder)) -> Sys {
        let mut builder = WasiCtx::builder();
        grant(&mut builder);
        Sys::with(builder.build().expect("a context"))
    }

    /// A guest with this context.
    pub fn with(ctx: WasiCtx) -> Sys {
        Sys::sharing(&Arc::new(Mutex::new(ctx)))
    }

    /// A guest with this context, which others may have too.
    pub fn sharing(ctx: &Arc<Mutex<WasiCtx>>) -> Sys {
        static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
        Sys::of(COMPILED.get_or_init(|| artifact_bytes(GUEST)), ctx)
    }

    /// A guest of another artifact with the same exports.
    pub fn of(artifact: &[u8], ctx: &Arc<Mutex<WasiCtx>>) -> Sys {
        let mut imports = Imports::new();
        wasi::add_to_imports(&mut imports, Arc::clone(ctx));
        let mut group = Group::new().expect("a group");
        let artifact = Artifact::from_bytes(artifact, "wasi_calls").expect("an artifact");
        let instance = group.instantiate(&artifact, &imports).expect("an instance");
        let memory = instance.memory(&mut group, "memory").expect("a memory");
        let watched = Watched::new(group.interrupt_handle());
        Sys { group, instance, memory, watched, world: None }
    }

    /// A guest that may do everything in the folder of `world`, which is its descriptor [`DIR`].
    pub fn over(world: &World) -> Sys {
        Sys::new(|builder| preopen(builder, world, "/", DirGrant::all())).keeping(world)
    }

    /// A guest that may look at the folder of `world`, which is its descriptor [`DIR`].
    pub fn read_only(world: &World) -> Sys {
        Sys::new(|builder| preopen(builder, world, "/", DirGrant::read_only())).keeping(world)
    }

    /// A guest that was granted nothing.
    pub fn inert() -> Sys {
        Sys::with(WasiCtx::inert())
    }

    /// The same; `world` stays as long as it.
    pub fn keeping(self, world: &World) -> Sys {
        Sys { world: Some(world.clone()), ..self }
    }

    /// Makes a call that may end the guest: `call!` for what ends it.
    pub fn try_call(&mut self, name: &str, arguments: &[Val]) -> Result<Vec<Val>, Error> {
        self.instance.func(&mut self.group, name)?.call(&mut self.group, arguments)
    }

    /// Makes a call that returns.
    pub fn call(&mut self, name: &str, arguments: &[Val]) -> Result<(), Errno> {
        match self.try_call(name, arguments) {
            Ok(results) => match results[..] {
                [Val::I32(0)] => Ok(()),
                [Val::I32(errno)] => Err(Errno::from_raw(errno.cast_unsigned())),
                _ => panic!("{name}: {results:?}"),
            },
            Err(error) => panic!("{name}: {error}"),
        }
    }

    /// The whole memory.
    pub fn memory(&mut self) -> &mut [u8] {
        self.memory.bytes(&mut self.group).expect("the memory")
    }

    /// Makes the memory larger.
    pub fn grow(&mut self, pages: u64) {
        self.memory.grow(&mut self.group, pages).expect("memory").expect("as much of it");
    }

    /// Fills the whole memory with a byte that nothing else writes.
    pub fn poison(&mut self) {
        self.memory().fill(0x5a);
    }

    /// Asserts that since [`Sys::poison`] nothing was written but in `ranges` (start, length).
    #[track_caller]
    pub fn only_written(&mut self, ranges: &[(u32, u32)]) {
        let inside = |at: u32| ranges.iter().any(|&(start, len)| (start..start + len).contains(&at));
        let stray = self.memory().iter().enumerate().find(|&(at, &byte)| byte != 0x5a && !inside(at as u32));
        assert_eq!(stray, None, "a byte was written outside of {ranges:x?}");
    }

    /// Puts bytes into the memory; says where they lie.
    pub fn put(&mut self, at: u32, bytes: impl AsRef<[u8]>) -> (u32, u32) {
        let bytes = bytes.as_ref();
        self.memory()[at as usize..][..bytes.len()].copy_from_slice(bytes);
        (at, bytes.len() as u32)
    }

    /// Puts vectors (pointer, length) at [`IOVS`]; says where they lie and how many there are.
    pub fn put_iovs(&mut self, vectors: &[(u32, u32)]) -> (u32, u32) {
        let words = vectors.iter().flat_map(|&(ptr, len)| [ptr, len]);
        self.put(IOVS, words.flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
        (IOVS, vectors.len() as u32)
    }

    /// Bytes of the memory.
    pub fn get(&mut self, at: u32, len: u32) -> Vec<u8> {
        self.memory()[at as usize..][..len as usize].to_vec()
    }

    pub fn u32_at(&mut self, at: u32) -> u32 {
        u32_in(self.memory(), at as usize)
    }

    pub fn u64_at(&mut self, at: u32) -> u64 {
        u64_in(self.memory(), at as usize)
    }

    /// An array of pointers to strings that end with a NUL.
    pub fn strings_at(&mut self, at: u32, count: u32) -> Vec<Vec<u8>> {
        let memory = self.memory();
        let pointers = (0..count).map(|index| u32_in(memory, (at + 4 * index) as usize) as usize);
        pointers.map(|ptr| memory[ptr..].iter().copied().take_while(|&byte| byte != 0).collect()).collect()
    }
}
