"""C++ with exceptions in the form of WebAssembly 3.0."""

from .harness import Case, Failure, expect
from .runner import Twins


def exceptions(run):
    output = Twins(run, "exceptions", "exceptions").run()
    # What has run in the end, and that nothing was left alive.
    for wanted in ("n is 20\n", "level 3\nlevel 2\nlevel 1\nlevel 0\ninnermost\n", "== end, 0 alive\n"):
        if wanted not in output:
            raise Failure(f"{wanted!r} is not in the output, natively neither")
    return f"{len(output.splitlines())} lines equal"


def noexcept(run):
    """What leaves a function that says it throws nothing ends the program, by its own handler."""
    output = Twins(run, "exceptions", "noexcept").run("noexcept", status=4)
    expect("the last line", output.splitlines()[-1], "terminating")


def uncaught(run):
    """Natively, nothing is unwound and the program's handler is called. In WebAssembly nobody knows that no handler is
    there before all frames are gone."""
    stdout, stderr = run.guest("exceptions", "uncaught", status=134)
    expect("the last line", stdout.splitlines()[-1], "== end, 0 alive")
    for wanted in ("uncaught exception", " - main"):
        if wanted not in stderr:
            raise Failure(f"no {wanted!r} on standard error: {stderr}")


CASES = [
    Case("C++: exceptions", ["exceptions"], exceptions, True),
    Case("C++: an exception out of a function that has none", ["exceptions"], noexcept, True),
    Case("C++: an exception that nobody catches", ["exceptions"], uncaught, True),
]
