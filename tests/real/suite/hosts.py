"""Large modules for hosts that have JavaScript: they are compiled, and what nobody gives them is said by name."""

from .harness import Case, Failure

# The first import of each that is no system call.
MISSING = {
    "esbuild": 'import "gojs" "runtime.scheduleTimeoutEvent" (function (i32) -> ()) is not granted',
    "onnxruntime": 'import "env" ',
}


def missing(name):
    def check(run):
        _, stderr = run.guest(name, status=3)
        if MISSING[name] not in stderr:
            raise Failure(f"no {MISSING[name]!r} on standard error: {stderr}")
    return check


CASES = [
    # Go's compiler for browsers.
    Case("esbuild: without its host", ["esbuild"], missing("esbuild"), False),
    # C++ with exceptions, vectors and threads, and functions of tens of thousands of blocks.
    Case("ONNX Runtime: without its host", ["onnxruntime"], missing("onnxruntime"), False),
]
