"""CPython and its standard library."""

import os

from .harness import HERE, Case, expect

SCRIPTS = HERE / "python"


def python_script(run):
    work = run.folder("python")
    (work / "scratch").mkdir()
    stdout, _ = run.guest(
        "cpython", "/script/guest.py", "/data/scratch", "one", "two words",
        grants=["--env", "GREETING=hallo", "--dir-ro", f"{SCRIPTS}::/script", "--dir", f"{work}::/data"],
        stdin=b"the cat saw the dog and the dog saw the cat\n")
    expect("the output", stdout, (SCRIPTS / "guest.expected").read_text())
    return f"{len(stdout.splitlines())} lines equal"


def python_identity(run):
    stdout, _ = run.guest("cpython", "-c", "import os, sys; print(sys.platform, sys.version_info[:3], sys.byteorder,"
                          " sys.maxsize, os.environ.get('HOME'))")
    expect("the output", stdout, "wasi (3, 12, 0) little 2147483647 None\n")


def python_status(run):
    run.guest("cpython", "-c", "raise SystemExit(7)", status=7)
    _, stderr = run.guest("cpython", "-c", "def f(): raise ValueError('on purpose')\nf()", status=1)
    expect("the last line on standard error", stderr.splitlines()[-1:], ["ValueError: on purpose"])


def python_confined(run):
    """No path leads out of what is granted, and what is granted for reading cannot be changed."""
    work = run.folder("confined")
    (work / "secret").write_text("secret")
    (work / "open").mkdir()
    (work / "open" / "note").write_text("note")
    (work / "open" / "way-out").symlink_to("../secret")
    (work / "open" / "way-up").symlink_to("/")
    script = """
import os
def attempt(action):
    try:
        print("did", action())
    except OSError as error:
        print("refused")
attempt(lambda: open("/open/note").read())
attempt(lambda: open("/open/../secret").read())
attempt(lambda: open("/open/way-out").read())
attempt(lambda: open("/open/way-up/etc/hostname").read())
attempt(lambda: open("/etc/passwd").read())
attempt(lambda: open("/open/new", "w"))
attempt(lambda: open("/open/note", "r+b"))
attempt(lambda: os.mkdir("/open/folder"))
attempt(lambda: os.remove("/open/note"))
attempt(lambda: os.rename("/open/note", "/open/other"))
attempt(lambda: os.symlink("note", "/open/link"))
"""
    stdout, _ = run.guest("cpython", "-c", script, grants=["--dir-ro", f"{work}/open::/open"])
    expect("the output", stdout, "did note\n" + "refused\n" * 10)
    expect("what is in the folder", sorted(os.listdir(work / "open")), ["note", "way-out", "way-up"])


CASES = [
    Case("CPython: platform", ["cpython"], python_identity, False),
    Case("CPython: script", ["cpython"], python_script, False),
    Case("CPython: exit status and exception", ["cpython"], python_status, False),
    Case("CPython: confinement", ["cpython"], python_confined, False),
]
