"""Builds programs from the C sources of packages: for WebAssembly, and natively to compare with. And what all builds
have in common.

The sources are as their authors published them. Both builds have the same options, but for what
WASI lacks, and are made outside of the tree, in the cache.
"""

import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .harness import BUILD_LIMIT, HERE, Failure, execute, sha256, tail


class Build(NamedTuple):
    """How one program is built. Paths and patterns are relative to `package`/`folder`."""

    package: str
    folder: str
    sources: list[str]
    own: str = ""
    """A source of ours, relative to tests/real: a command line for a package that is a library."""
    options: list[str] = []
    """For both builds."""
    wasm: list[str] = []
    """What WebAssembly's build has besides."""
    stack: int = 1
    """MiB of stack in the guest's memory."""
    native: bool = True
    """Whether it is built natively too. If not, another program's native build is there to compare with."""


# Parts of WASI's C library that must be asked for.
SIGNALS = ["-D_WASI_EMULATED_SIGNAL", "-lwasi-emulated-signal"]
CLOCKS = ["-D_WASI_EMULATED_PROCESS_CLOCKS", "-lwasi-emulated-process-clocks"]
MAPPINGS = ["-D_WASI_EMULATED_MMAN", "-lwasi-emulated-mman"]
PROCESS = ["-D_WASI_EMULATED_GETPID", "-lwasi-emulated-getpid"]
MISSING = ["-include", "missing.h"]

BUILDS = {
    "sqlite3": Build(
        "sqlite", "inner/sqlite-autoconf-3440200", ["sqlite3.c", "shell.c"],
        options=[
            "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-DSQLITE_NOHAVE_SYSTEM", "-DSQLITE_OMIT_POPEN",
            "-DSQLITE_ENABLE_FTS5", "-DSQLITE_ENABLE_RTREE", "-DSQLITE_ENABLE_STAT4",
            # SQLite opens temporary files by calling a function that it has set to null under WASI.
            "-DSQLITE_TEMP_STORE=3",
            # WASI has no locks on files, and what SQLite takes there instead is a folder.
            '-DSQLITE_DEFAULT_UNIX_VFS="unix-dotfile"',
        ],
        wasm=[*SIGNALS, *CLOCKS, *MAPPINGS, *PROCESS, *MISSING],
    ),
    "qjs": Build(
        "quickjs", "quickjs",
        ["quickjs.c", "libregexp.c", "libunicode.c", "dtoa.c", "quickjs-libc.c", "qjs.c", "gen/repl.c",
         "gen/standalone.c"],
        options=["-D_GNU_SOURCE"],
        wasm=[*SIGNALS, *CLOCKS],
        stack=4,
    ),
    "bzip2": Build(
        "bzip2", "bzip2-1.0.8",
        ["bzip2.c", "blocksort.c", "huffman.c", "crctable.c", "randtable.c", "compress.c", "decompress.c", "bzlib.c"],
        options=["-D_FILE_OFFSET_BITS=64"],
        wasm=[*SIGNALS, *CLOCKS, *MISSING],
    ),
    "zlib": Build(
        "zlib", "src/zlib",
        ["adler32.c", "crc32.c", "deflate.c", "inffast.c", "inflate.c", "inftrees.c", "trees.c", "zutil.c"],
        own="codecs/zlib.c",
    ),
    "zstd": Build(
        "zstd", "zstd/lib",
        ["common/*.c", "compress/*.c", "decompress/*.c"],
        own="codecs/zstd.c",
        options=["-DZSTD_DISABLE_ASM"],
    ),
}

# The same with what WebAssembly has had since: vectors, which the compiler makes of loops, and all that Clang 19 knows.
VECTORS = ["-O3", "-msimd128", "-mrelaxed-simd"]
BUILDS["zstd-vectors"] = BUILDS["zstd"]._replace(wasm=VECTORS, native=False)
BUILDS["zlib-vectors"] = BUILDS["zlib"]._replace(wasm=VECTORS, native=False)
BUILDS["qjs-newest"] = BUILDS["qjs"]._replace(wasm=[*BUILDS["qjs"].wasm, "-mcpu=bleeding-edge"], native=False)

COMMON = ["-O2", "-w"]
WASM = ["clang-19", "--target=wasm32-wasi", "--sysroot=/usr"]
NATIVE = ["cc"]
NATIVE_LIBRARIES = ["-lm", "-lpthread", "-ldl"]

# Debian's packages, and what each must have brought.
NEEDED = {
    "clang-19": "clang-19",
    "lld-19": "wasm-ld-19",
    "wasi-libc": "/usr/lib/wasm32-wasi/libc.a",
    "libclang-rt-19-dev-wasm32": "/usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a",
    "gcc": "cc",
    "libc6-dev": "/usr/include/stdio.h",
}


def require_compilers():
    missing = [package for package, thing in NEEDED.items()
               if not (Path(thing).exists() if thing.startswith("/") else shutil.which(thing))]
    if missing:
        raise Failure(f"C programs can't be built here without Debian's {' '.join(missing)}")


def compiler_version(command):
    return execute([command[0], "--version"], BUILD_LIMIT).stdout


def kept(cache, name, decides, make):
    """The folder that `make(scratch, folder)` fills, from the cache if it is there. `decides` is everything that
    decides what comes out, so that a folder of the same name has the same programs."""
    key = hashlib.sha256(repr(decides).encode()).hexdigest()
    folder = cache / f"built-{name}-{key[:16]}"
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as scratch:
        scratch = Path(scratch)
        made = scratch / "made"
        made.mkdir()
        make(scratch, made)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    return folder


def step(program, command, **options):
    """One command of a build."""
    done = execute(command, BUILD_LIMIT, **options)
    if done.returncode != 0:
        raise Failure(f"{command[0]} failed for {program}:\n{tail(done.stderr)}")


def build(cache, program, package_folder):
    """The folder with PROGRAM.wasm and, natively, PROGRAM."""
    require_compilers()
    recipe = BUILDS[program]
    root = package_folder / recipe.folder
    sources = [path for pattern in recipe.sources for path in sorted(root.glob(pattern))]
    if recipe.own:
        sources.append(HERE / recipe.own)
    includes = [f"-I{root}", f"-I{HERE / 'suite'}"]
    own = [sha256(HERE / recipe.own) if recipe.own else "", sha256(HERE / "suite" / "missing.h")]
    decides = (recipe, package_folder.name, own, COMMON, WASM, NATIVE, NATIVE_LIBRARIES, compiler_version(WASM),
               compiler_version(NATIVE))

    def make(scratch, made):
        sides = {
            made / f"{program}.wasm": (
                [*WASM, *COMMON, *recipe.options, *[word for word in recipe.wasm if not word.startswith("-l")]],
                [*[word for word in recipe.wasm if word.startswith("-l")],
                 # The stack lies lowest, so that it overflows into a trap and not into data.
                 f"-Wl,--stack-first,-z,stack-size={recipe.stack << 20}"]),
        }
        if recipe.native:
            sides[made / program] = ([*NATIVE, *COMMON, *recipe.options], NATIVE_LIBRARIES)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects, jobs = {}, []
            for output, (command, _) in sides.items():
                # Numbered, because two sources may have the same name.
                objects[output] = [scratch / f"{output.name}.{number}.o" for number in range(len(sources))]
                jobs += [[*command, *includes, "-c", source, "-o", made_object]
                         for source, made_object in zip(sources, objects[output])]
            # The largest first, so that no processor waits for it at the end.
            jobs.sort(key=lambda job: -Path(job[-3]).stat().st_size)
            list(pool.map(lambda job: step(program, job), jobs))
        for output, (command, libraries) in sides.items():
            step(program, [command[0], *(word for word in command[1:] if word.startswith("--")), *objects[output],
                           *libraries, "-o", output])
    return kept(cache, program, decides, make)
