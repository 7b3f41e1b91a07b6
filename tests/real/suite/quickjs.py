"""QuickJS (quickjs-ng): its own tests, and a script of ours."""

from .harness import HERE, Case, Failure, expect
from .runner import Twins

# Its tests that cannot give the same: what QuickJS leaves out where it is built for WASI.
EXCEPT = {
    "atomics-store-leak.js": "no Atomics",
    "bug1301.js": "no Atomics",
    "bug1302.js": "no Atomics",
    "bug775.js": "no check of the depth of recursion",
    "bug776.js": "no check of the depth of recursion",
    "bug904.js": "no check of the depth of recursion",
    "test_std.js": "no temporary files and processes",
    "test_worker.js": "no workers",
    "test_worker_module.js": "no workers",
    "microbench.js": "measures time",
}


def own_tests(run, guest="qjs"):
    twins = Twins(run, "qjs", f"{guest}-tests", guest)
    twins.put("tests", run.package("quickjs") / "quickjs/tests")
    twins.put("runner.js", HERE / "quickjs/runner.js")
    names = sorted(path.name for path in (twins.native / "tests").glob("*.js") if path.name not in EXCEPT)
    passed = 0
    for name in names:
        before = ["-I", "runner.js"] if name == "test_builtin.js" else []
        # A test may be of something that must fail; then it fails alike.
        twins.run(*before, f"tests/{name}", status=(0, 1))
        passed += twins.status == 0
    if passed < 75:
        raise Failure(f"only {passed} pass, natively neither")
    return f"{passed} pass, {len(names) - passed} fail with the native build's words"


def script(run):
    twins = Twins(run, "qjs", "qjs-script")
    twins.put("guest.js", HERE / "quickjs/guest.js")
    output = twins.run("--module", "guest.js", "one", "two words", stdin=b"first line\nand the rest\n")
    # The Feynman point of pi, the number of primes, and that all of it has run.
    for wanted in ("3499999983", "\n25997\n", "async 2", "timer"):
        if wanted not in output:
            raise Failure(f"{wanted!r} is not in the output, natively neither")
    expect("the files", sorted(twins.files()), ["guest.js", "made/numbers.bin", "made/words"])
    return f"{len(output.splitlines())} lines equal"


def endings(run):
    twins = Twins(run, "qjs", "qjs-endings")
    twins.run("-e", "import('qjs:std').then((std) => std.exit(9))", status=9)
    twins.run("-e", "function f() { throw new TypeError('on purpose') }\nf()", status=1)
    twins.run("-e", "let a = ;", status=1)
    twins.run("nowhere.js", status=1)
    twins.run("-e", "Promise.reject(new Error('unseen'))", status=1)


def newest(run):
    """Its own tests once more, of a build with all that its compiler knows of the language."""
    features = run.features("qjs-newest")
    missing = {"simd", "tail-call"} - features
    if missing:
        raise Failure(f"the build does without {', '.join(sorted(missing))}")
    return own_tests(run, "qjs-newest")


def recursion(run):
    """QuickJS relies on the WebAssembly engine here, which must end the guest and nothing else."""
    _, stderr = run.guest("qjs", "-e", "function f() { f() }\nf()", status=134)
    if "trapped" not in stderr or "JS_CallInternal" not in stderr:
        raise Failure(f"no trap with a backtrace: {stderr[:500]}")


CASES = [
    Case("QuickJS: its own tests", ["qjs"], own_tests, True),
    Case("QuickJS: script", ["qjs"], script, True),
    Case("QuickJS: exit status and exceptions", ["qjs"], endings, True),
    Case("QuickJS, of a newer language: its own tests", ["qjs", "qjs-newest"], newest, True),
    Case("QuickJS: recursion without end", ["qjs"], recursion, True),
]
