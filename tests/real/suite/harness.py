"""What every part needs: running a command, comparing, and a failure that says what is wrong."""

import hashlib
import shlex
import subprocess
from pathlib import Path
from typing import Callable, NamedTuple

# tests/real
HERE = Path(__file__).resolve().parent.parent

# Seconds.
FETCH_LIMIT = 300
BUILD_LIMIT = 600
COMPILE_LIMIT = 600
RUN_LIMIT = 120
EMULATION_FACTOR = 5


class Failure(Exception):
    """A case did not do what it must; the text says what."""


class Case(NamedTuple):
    """One line of the report."""

    name: str
    programs: list[str]
    """What must have been compiled: names in `programs.PROGRAMS`."""
    check: Callable
    """Takes the `Run`, raises `Failure`, and may return a remark for the line."""
    small: bool
    """Small enough for an emulator."""


def tail(data, limit=2000):
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data or ""
    return text if len(text) <= limit else "..." + text[-limit:]


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def execute(command, limit, stdin=b"", env=None, cwd=None):
    try:
        return subprocess.run(
            [str(word) for word in command],
            input=stdin, env=env, cwd=cwd, timeout=limit,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
    except subprocess.TimeoutExpired as expired:
        raise Failure(f"not done after {limit} s: {shlex.join(map(str, command))}\n{tail(expired.stderr)}")
    except OSError as error:
        raise Failure(f"{shlex.join(map(str, command))}: {error}")


def expect(what, got, wanted):
    if got != wanted:
        if isinstance(got, str) and isinstance(wanted, str) and "\n" in wanted:
            pairs = zip(got.splitlines() + [None], wanted.splitlines() + [None])
            for number, (g, w) in enumerate(pairs, 1):
                if g != w:
                    raise Failure(f"{what}: line {number} is\n  {g!r}\nand should be\n  {w!r}")
        raise Failure(f"{what} is\n  {got!r}\nand should be\n  {wanted!r}")
