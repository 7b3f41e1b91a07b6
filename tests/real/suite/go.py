"""A Go program, compiled for WASI by Go's own compiler, whose output has a stack, a scheduler and a collector of its
own and jumps where it likes by one huge branch table in each function."""

from .builds_go import SOURCE
from .harness import Case, Failure, execute, expect, tail

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


CASES = [
    Case("Go: program", ["go-guest"], program, False),
    Case("Go: panic", ["go-guest"], crash, False),
]
