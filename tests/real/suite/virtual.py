"""Programs that believe they have a disk, and have a module that keeps everything in memory: the files that they begin
with are copied into it, and what they write is gone with it. What they say must be what they say over a folder."""

from .cpython import SCRIPTS as PYTHON
from .harness import HERE, Case, Failure, execute, expect
from .runner import Twins
from .sqlite import script

MANIFEST = """\
[package]
name = "{name}"
module = "{name}.bwk"

[host]
files = {{ kind = "dir", path = "{files}" }}
terminal = {{ kind = "stdio", stdin = "inherit", stdout = "inherit", stderr = "inherit" }}
command = {{ kind = "args", command_line = true }}
variables = {{ kind = "env", set = {{ {variables} }} }}
time = {{ kind = "clock" }}

[grants]
terminal = "terminal"
command = "command"
variables = "variables"
time = "time"

[imports]
fs = {{ module = "disk" }}

[deps.disk]
module = "bailiwick:memfs"
grants.files = {{ from = "files", at = "/" }}
"""


class InMemory(Twins):
    """The compiled program is the root of an application, with another module in front of its files."""

    def run(self, *args, stdin=b"", status=0):
        return self.compared(self.in_memory, *args, stdin=stdin, status=status)

    def in_memory(self, *args, stdin=b""):
        return in_memory(self.runner, self.guest_program, self.guest, {"HOME": "/"}, *args, stdin=stdin)


def in_memory(run, program, files, variables, *args, stdin=b""):
    """Runs a compiled program over a copy of `files` in memory; nothing there may change."""
    folder = files.parent / f"{files.name}-app"
    folder.mkdir(exist_ok=True)
    artifact = folder / f"{program}.bwk"
    if not artifact.exists():
        artifact.hardlink_to(run.artifacts[program])
    said = ", ".join(f'{name} = "{value}"' for name, value in variables.items())
    (folder / "bailiwick.toml").write_text(MANIFEST.format(name=program, files=files, variables=said))
    before = contents(files)
    done = execute([*run.loader, "run", folder, *args], run.limit, stdin)
    expect("what is in the folder afterwards", contents(files), before)
    return done


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob("*"))}


def database(run):
    """Everything that SQLite does with files, by one process, which can't see them afterwards."""
    rows = 5_000 if run.emulated else 100_000
    twins = InMemory(run, "sqlite3", "virtual-database")
    setup = f".parameter init\n.parameter set :rows {rows}\n".encode()
    output = twins.run("bulk.db", stdin=setup + script("bulk") + b"\n" + script("reopen"))
    if f"{rows}|" not in output or output.count("\nok\n") != 3:
        raise Failure(f"the native run is not right:\n{output[-2000:]}")
    return f"{rows} rows, {len(output.splitlines())} lines equal"


def quickjs(run):
    twins = InMemory(run, "qjs", "virtual-qjs")
    twins.put("guest.js", HERE / "quickjs/guest.js")
    output = twins.run("--module", "guest.js", "one", "two words", stdin=b"first line\nand the rest\n")
    return f"{len(output.splitlines())} lines equal"


def cpython(run):
    files = run.folder("virtual-python/files")
    (files / "script").mkdir()
    (files / "script/guest.py").write_bytes((PYTHON / "guest.py").read_bytes())
    (files / "data/scratch").mkdir(parents=True)
    done = in_memory(run, "cpython", files, {"GREETING": "hallo"}, "/script/guest.py", "/data/scratch", "one",
                     "two words", stdin=b"the cat saw the dog and the dog saw the cat\n")
    expect("the output", done.stdout.decode(), (PYTHON / "guest.expected").read_text())
    return f"{len(done.stdout.splitlines())} lines equal"


CASES = [
    Case("in memory: SQLite's database files", ["sqlite3"], database, True),
    Case("in memory: QuickJS, a script", ["qjs"], quickjs, True),
    Case("in memory: CPython, a script", ["cpython"], cpython, False),
]
