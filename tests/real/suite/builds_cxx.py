"""Builds a C++ program that throws, natively and for WebAssembly in the form with `exnref`.

No package has libraries for that form, but one has their sources and a compiler for it, and another one the C library
and the headers. What of the C++ library is in neither form stays as it is: built without exceptions.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

from .builds import compiler_version, kept, require_compilers, step
from .harness import HERE, Failure, sha256

SOURCE = HERE / "cpp/exceptions.cpp"
TAG = HERE / "cpp/tag.s"

# Of LLVM's libc++abi, all that has to do with exceptions.
PARTS = [
    "abort_message", "cxa_aux_runtime", "cxa_default_handlers", "cxa_exception", "cxa_exception_storage",
    "cxa_handlers", "cxa_personality", "cxa_vector", "cxa_virtual", "fallback_malloc", "private_typeinfo",
    "stdlib_exception", "stdlib_stdexcept", "stdlib_typeinfo",
]
WASM = ["--target=wasm32-wasip1", "-fwasm-exceptions", "-mllvm", "-wasm-use-legacy-eh=false", "-O2", "-w", "-DNDEBUG",
        "-nostdinc", "-nostdinc++"]
LIBRARY = ["-std=c++23", "-D_LIBCPP_BUILDING_LIBRARY", "-D_LIBCXXABI_BUILDING_LIBRARY", "-D_LIBCXXABI_HAS_NO_THREADS",
           "-D_LIBUNWIND_HIDE_SYMBOLS"]
NATIVE = ["g++", "-std=c++20", "-O2", "-w"]


def build(run):
    require_compilers()
    if not shutil.which("g++"):
        raise Failure("C++ programs can't be built here without Debian's g++")
    zig, clang = run.package("zig") / "ziglang", run.package("clang") / "inner"
    compiler = [zig / "zig", "clang", *WASM]
    headers = [word for folder in (clang / "include/c++/v1", zig / "lib/include", clang / "include/wasm32-wasip1")
               for word in ("-isystem", folder)]
    abi, unwind = zig / "lib/libcxxabi", zig / "lib/libunwind"
    library = [*compiler, *LIBRARY, *headers, f"-I{abi}/include", f"-I{abi}/src", f"-I{zig}/lib/libcxx/src",
               f"-I{unwind}/include", f"-I{unwind}/src"]
    libraries = clang / "lib/wasm32-wasip1"

    def make(scratch, made):
        environment = {"PATH": os.environ["PATH"], "HOME": str(scratch), "ZIG_GLOBAL_CACHE_DIR": str(scratch / "zig")}
        jobs = {scratch / f"{part}.o": [*library, "-c", abi / f"src/{part}.cpp"] for part in PARTS}
        jobs[scratch / "unwind.o"] = [word for word in library if word != "-std=c++23"] + \
            ["-c", unwind / "src/Unwind-wasm.c"]
        jobs[scratch / "tag.o"] = [*compiler, "-c", TAG]
        jobs[scratch / "program.o"] = [*compiler, "-std=c++20", *headers, "-c", SOURCE]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda job: step("exceptions", [*job[1], "-o", job[0]], env=environment), jobs.items()))
        step("exceptions", ["wasm-ld-19", "--stack-first", "-z", f"stack-size={1 << 20}", libraries / "crt1-command.o",
                            *jobs, f"-L{libraries}", "-lc++", "-lc++abi", "-lc",
                            clang / "lib/wasm32-unknown-wasip1/libclang_rt.builtins.a", "-o", made / "exceptions.wasm"])
        step("exceptions", [*NATIVE, SOURCE, "-o", made / "exceptions"])
    decides = (run.package("zig").name, run.package("clang").name, PARTS, WASM, LIBRARY, NATIVE, sha256(SOURCE),
               sha256(TAG), compiler_version(NATIVE))
    return kept(run.options.cache, "exceptions", decides, make)
