"""A Go program, compiled for WASI by Go's own compiler, whose output has a stack, a scheduler and a collector of its
own and jumps where it likes by one huge branch table in each function. And gofmt, compiled by TinyGo, as a library
without imports: go/gofmt.wat makes a command of it."""

from .builds_go import SOURCE
from .harness import HERE, Case, Failure, execute, expect, tail

INPUT = b"the cat saw the dog\nand the dog saw the cat\n"


def program(run):
    source = SOURCE.read_bytes()
    outputs = {}
    folder = run.folder("go")
    # Both say the same paths, so the native one is compared by what it prints of its own folder.
    for side in ("native", "guest"):
        (folder / side).mkdir()
        (folder / side / "guest.go").write_bytes(source)
    native = execute([run.built["go-guest"] / "go-guest", folder / "native"], run.limit, INPUT,
                     env={"GREETING": "hallo"}, cwd=folder / "native")
    guest = run.execute_guest("go-guest", "/data", stdin=INPUT,
                              grants=["--dir", f"{folder / 'guest'}::/data", "--env", "GREETING=hallo"])
    for side, done in (("native", native), ("guest", guest)):
        if done.returncode != 7:
            raise Failure(f"the {side} one ended with status {done.returncode} instead of 7\n{tail(done.stderr)}")
        outputs[side] = done.stdout.decode()
    expect("the output", outputs["guest"], outputs["native"].replace(f"{folder / 'native'}", "/data"))
    return f"{len(outputs['guest'].splitlines())} lines equal"


def crash(run):
    """A panic that nobody recovers from: Go's own words, and its status."""
    folder = run.folder("go-crash")
    (folder / "guest.go").write_bytes(SOURCE.read_bytes())
    _, stderr = run.guest("go-guest", "/data", "crash", grants=["--dir", f"{folder}::/data"], status=2)
    for wanted in ("on purpose", "panic: runtime error: index out of range [3] with length 0", "goroutine 1 [running]",
                   "main.main()"):
        if wanted not in stderr:
            raise Failure(f"no {wanted!r} on standard error: {tail(stderr)}")


def formatted(run):
    """What has lost its indentation, and what is no Go, compared with the gofmt of Go's own package."""
    run.compile_file("gofmt-main", HERE / "go/gofmt.wat")
    grants = ["--preload", f"gofmt={run.artifacts['gofmt']}"]
    native = run.package("go") / "go/bin/gofmt"
    for source, status in ((SOURCE.read_bytes().replace(b"\t", b""), 0), (SOURCE.read_bytes(), 0)):
        stdout, stderr = run.guest("gofmt-main", grants=grants, stdin=source, status=status)
        expect("the output", stdout, execute([native], run.limit, source).stdout.decode())
        expect("standard error", stderr, "")
    stdout, stderr = run.guest("gofmt-main", grants=grants, stdin=b"package x; func {", status=1)
    expect("the output", stdout, "")
    expect("standard error", stderr, "1:17: expected 'IDENT', found '{'")


CASES = [
    Case("Go: program", ["go-guest"], program, False),
    Case("Go: panic", ["go-guest"], crash, False),
    Case("Go: gofmt, by TinyGo", ["gofmt"], formatted, True),
]
