"""Ruby and its standard library. The package is a library for a host that has JavaScript: ruby/main.wat is a program of
it, and ruby/host.wat stands for the host. The three are one group, which shares Ruby's memory."""

from .harness import HERE, Case, expect

SCRIPTS = HERE / "ruby"
INPUT = b"the cat saw the dog and the dog saw the cat\n"


def start(run, name, script, **options):
    """Runs a script, which has /data to write to."""
    for part in ("main", "host"):
        if f"ruby-{part}" not in run.artifacts:
            run.compile_file(f"ruby-{part}", SCRIPTS / f"{part}.wat")
    folder = run.folder(name)
    (folder / "script").mkdir()
    (folder / "script/guest.rb").write_bytes(script)
    (folder / "data").mkdir()
    host = run.artifacts["ruby-host"]
    grants = ["--dir-ro", f"{folder / 'script'}::/script", "--dir", f"{folder / 'data'}::/data",
              "--preload", f"canonical_abi={host}", "--preload", f"rb-js-abi-host={host}",
              "--preload", f"ruby={run.artifacts['ruby']}"]
    return run.guest("ruby-main", grants=grants, **options)


def script(run):
    """The output is that of Debian's Ruby 3.1, but that there the script finds an /etc/passwd."""
    stdout, stderr = start(run, "ruby-script", (SCRIPTS / "guest.rb").read_bytes(), stdin=INPUT)
    expect("the output", stdout, (SCRIPTS / "guest.expected").read_text())
    expect("standard error", stderr, "")
    return f"{len(stdout.splitlines())} lines equal"


def raised(run):
    stdout, stderr = start(run, "ruby-raised", b"def f = raise(ArgumentError, 'on purpose')\nputs 1\nf\n", status=6)
    expect("the output", stdout, "1\n")
    expect("the first line on standard error", stderr.splitlines()[0],
           "/script/guest.rb:1:in 'Object#f': on purpose (ArgumentError)")


def needs_a_host(run):
    """What nobody gives is said by name."""
    _, stderr = run.guest("ruby", status=3)
    wanted = ('import "rb-js-abi-host" "rb_wasm_throw_prohibit_rewind_exception" (function (i32, i32) -> ())'
              ' is not granted')
    expect(f"whether {wanted!r} is on standard error", wanted in stderr, True)


CASES = [
    Case("Ruby: script", ["ruby"], script, False),
    Case("Ruby: an exception that nobody rescues", ["ruby"], raised, False),
    Case("Ruby: without its host", ["ruby"], needs_a_host, False),
]
