"""SQLite's shell, from the sources that its authors publish."""

from .harness import HERE, Case, Failure, expect, tail
from .runner import Twins

SCRIPTS = HERE / "sqlite"


def script(name):
    return (SCRIPTS / f"{name}.sql").read_bytes()


def language(run):
    twins = Twins(run, "sqlite3", "language")
    # The script has errors on purpose, after which the shell ends with 1.
    output = twins.run(":memory:", stdin=script("language"), status=1)
    # A Fibonacci number, six queens, a row of Pascal's triangle, and that all of it has run.
    for wanted in ("1304969544928657", "362514", "[1,12,66,220,495,792,924,792,495,220,66,12,1]", "[sailing]", "rtree"):
        if wanted not in output:
            raise Failure(f"{wanted!r} is not in the output, natively neither")
    expect("what is in the folder", twins.files(), {})
    return f"{len(output.splitlines())} lines equal"


def filled(run, name, rows):
    twins = Twins(run, "sqlite3", name)
    setup = f".parameter init\n.parameter set :rows {rows}\n".encode()
    output = twins.run("bulk.db", stdin=setup + script("bulk"))
    if f"{rows}|" not in output or "\nok\n" not in output:
        raise Failure(f"the native run is not right:\n{tail(output)}")
    return twins


def database_file(run):
    """A database of many rows, which is then opened again; all files are equal byte for byte."""
    rows = 20_000 if run.emulated else 300_000
    twins = filled(run, "database", rows)
    size = len(twins.files()["bulk.db"])
    output = twins.run("bulk.db", stdin=script("reopen"))
    if output.count("\nok\n") + output.startswith("ok\n") != 2 or "\n1000\n" not in output:
        raise Failure(f"the native run is not right:\n{tail(output)}")
    files = twins.files()
    expect("the files", sorted(files), ["blob.bin", "bulk.db", "copy.db", "out.csv", "second.db", "small.db"])
    return f"{rows} rows, {size / 1e6:.1f} MB, {len(files)} files equal"


def rollback(run):
    """What a process that ended in a transaction has left is rolled back by the next one."""
    twins = filled(run, "rollback", 20_000)
    # With its locks that are folders, SQLite takes its own lock for that of a living writer.
    shell = ["-vfs", "unix-none", "bulk.db"]
    before = twins.run(*shell, ".sha3sum")
    whole = twins.files()["bulk.db"]
    twins.run(*shell, stdin=script("cut_off"), status=7)
    for folder in (twins.native, twins.guest):
        if (folder / "bulk.db").read_bytes() == whole or not (folder / "bulk.db-journal").stat().st_size:
            raise Failure("nothing was written before the end, so nothing is to be rolled back")
    expect("what the next one says", twins.run(*shell, "PRAGMA integrity_check"), "ok\n")
    expect("the digest", twins.run(*shell, ".sha3sum"), before)
    expect("the files", sorted(twins.files()), ["bulk.db"])


def confined(run):
    """SQLite's own messages where it is granted less than it wants."""
    work = run.folder("sqlite-confined")
    run.guest("sqlite3", "/data/a.db", "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2);",
              grants=["--dir", f"{work}::/data"])
    read = ["--dir-ro", f"{work}::/data"]
    before = (work / "a.db").read_bytes()

    def attempt(*words, grants, status=1):
        stdout, stderr = run.guest("sqlite3", *words, grants=["--env", "HOME=/", *grants], status=status)
        return stdout + stderr

    # SQLite makes a folder to lock what it reads.
    expect("reading with a lock", attempt("/data/a.db", "SELECT sum(a) FROM t", grants=read, status=3).strip(),
           "Error: in prepare, access permission denied (3)")
    stdout = attempt("file:/data/a.db?immutable=1", "SELECT sum(a) FROM t", grants=read, status=0)
    expect("reading without", stdout, "3\n")
    wanted = "unable to open database"
    for path, grants in [("/data/new.db", read), ("/data/../a.db", read), ("/data/a.db", []), ("/etc/a.db", read)]:
        text = attempt(path, "CREATE TABLE u(a)", grants=grants)
        if wanted not in text:
            raise Failure(f"no {wanted!r} for {path}: {text!r}")
    expect("what is in the folder", [path.name for path in work.iterdir()], ["a.db"])
    expect("whether the database is as before", (work / "a.db").read_bytes() == before, True)


CASES = [
    Case("SQLite: language, full text, boxes", ["sqlite3"], language, True),
    Case("SQLite: database files", ["sqlite3"], database_file, True),
    Case("SQLite: rollback of a process that ended", ["sqlite3"], rollback, True),
    Case("SQLite: confinement", ["sqlite3"], confined, True),
]
