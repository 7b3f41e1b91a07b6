"""What the CPython case runs. Prints only what every CPython 3.11 or newer prints alike."""
import base64
import collections
import decimal
import fractions
import hashlib
import heapq
import itertools
import json
import math
import os
import random
import re
import struct
import sys
import textwrap
import zlib


def section(name):
    print(f"--- {name}")


def texts():
    section("text")
    print("{:>8}|{:<8}|{:^8}|{:+.3e}|{:#x}".format("right", "left", "mid", 12345.678, 48879))
    print("naïve café ☃ 𝄞".encode().hex())
    print("ß".upper(), "ÅNGSTRÖM".casefold(), sorted("Zebra apple Mango".split(), key=str.lower))
    print(textwrap.fill("the quick brown fox jumps over the lazy dog " * 2, 30))
    log = "10:31:07 warn disk=81% 10:32:40 info disk=79% 11:00:02 warn disk=93%"
    pattern = re.compile(r"(?P<h>\d+):(?P<m>\d+):\d+ (?P<level>\w+) disk=(?P<pct>\d+)%")
    print([m.groupdict() for m in pattern.finditer(log)])
    print(re.sub(r"(\w+)=(\d+)%", lambda m: f"{m[1]}:{int(m[2]) / 100}", log))


def numbers():
    section("numbers")
    for value in (0.1, 1 / 3, 1e16, 1e-7, 5e-324, 1.7976931348623157e308, -0.0, 2.5, 123456789.123456789):
        print(repr(value), value.hex(), round(value, 2))
    print(0.1 + 0.2, math.inf, -math.inf, math.nan, float("1e400"), math.sqrt(2))
    print(math.fsum([0.1] * 10), math.gcd(2**64 - 1, 2**32 + 1), math.isqrt(10**40))
    print(2**200 % 1000007, pow(3, 10**18, 10**9 + 7), -7 // 2, -7 % 2, divmod(-7.5, 2))
    print(math.factorial(30), (1 << 100) ^ 12345678901234567890, int("zz", 36), f"{10**20:,}")
    print([round(x + 0.5) for x in range(6)], 1e22, 1e23, int(1e23))
    print(fractions.Fraction(355, 113) - fractions.Fraction(22, 7), fractions.Fraction(0.125))
    decimal.getcontext().prec = 40
    print(decimal.Decimal(2).sqrt(), decimal.Decimal("1.10") + decimal.Decimal("2.205"))
    print(struct.pack("<hIqd", -2, 4000000000, -1, 1.5).hex(), struct.unpack(">f", b"\x3f\x80\x00\x00"))
    generator = random.Random(2024)
    print([generator.randrange(1000) for _ in range(8)], generator.random(), generator.gauss(0, 1) < 9)


def data():
    section("data")
    tree = {"name": "root", "list": [1, 2.5, None, True, "x\n\u00e9\U0001f600"], "empty": {}, "n": -0.0}
    dumped = json.dumps(tree, sort_keys=True)
    print(dumped, json.loads(dumped) == tree)
    print(json.dumps(tree, indent=2, ensure_ascii=False))
    for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"):
        print(name, hashlib.new(name, b"bailiwick" * 1000).hexdigest())
    print(f"{zlib.crc32(b'123456789'):08x}", zlib.adler32(b"123456789"))
    print(base64.b85encode(bytes(range(32))).decode(), base64.b64decode("aGVsbG8="))
    print(collections.Counter("mississippi").most_common(3), heapq.nsmallest(3, [5, 1, 4, 2, 3]))
    print(list(itertools.islice(itertools.permutations("abcd", 3), 20, 24)))
    print(len({i * i % 997 for i in range(2000)}), {**{"a": 1}, "b": 2}, [1, 2, 3][::-1])


def control():
    section("control")

    def ackermann(m, n):
        return n + 1 if m == 0 else ackermann(m - 1, 1 if n == 0 else ackermann(m, n - 1))

    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    def depth(n):
        return 0 if n == 0 else 1 + depth(n - 1)

    def bottomless(n):
        return bottomless(n + 1)

    def countdown(n):
        while n:
            received = yield n
            n = received if received is not None else n - 1

    print(ackermann(2, 6), fib(21), depth(400))
    try:
        bottomless(0)
    except RecursionError:
        print("recursion stopped")
    steps = countdown(5)
    print(next(steps), next(steps), steps.send(2), list(steps))
    for action in (lambda: 1 // 0, lambda: {}["k"], lambda: [][1], lambda: int("x"), lambda: None.x, lambda: "a" + 1):
        try:
            action()
        except Exception as error:
            print(type(error).__name__, type(error).__mro__[1].__name__)
    try:
        try:
            raise ValueError("inner")
        except ValueError as error:
            raise KeyError("outer") from error
        finally:
            print("finally")
    except KeyError as error:
        print(repr(error), repr(error.__cause__))
    match {"op": "move", "by": [3, 4]}:
        case {"op": "move", "by": [x, y]}:
            print("moved", math.hypot(x, y))
    sieve = bytearray([1]) * 30000
    for i in range(2, 174):
        if sieve[i]:
            sieve[i * i :: i] = bytes(len(range(i * i, 30000, i)))
    print(sum(sieve) - 2, "primes")


def files(folder):
    section("files")
    path = os.path.join(folder, "notes.txt")
    with open(path, "w", encoding="utf-8") as f:
        for i in range(1000):
            f.write(f"line {i} – {'x' * (i % 7)}\n")
    with open(path, "rb") as f:
        content = f.read()
        f.seek(-9, os.SEEK_END)
        print(len(content), hashlib.sha256(content).hexdigest(), f.read(), f.tell())
    with open(path, "r+b") as f:
        f.truncate(20)
        f.seek(0)
        print(f.read())
    os.makedirs(os.path.join(folder, "a", "b"))
    os.rename(path, os.path.join(folder, "a", "b", "moved"))
    for where, folders, names in sorted(os.walk(folder)):
        print(os.path.relpath(where, folder).replace(os.sep, "/"), sorted(folders), sorted(names))
    print(os.stat(os.path.join(folder, "a", "b", "moved")).st_size, os.path.isdir(os.path.join(folder, "a")))
    os.remove(os.path.join(folder, "a", "b", "moved"))
    os.removedirs(os.path.join(folder, "a", "b"))
    os.makedirs(folder, exist_ok=True)
    try:
        open(path)
    except FileNotFoundError as error:
        print(type(error).__name__, os.path.basename(error.filename))
    print(os.listdir(folder))


def streams():
    section("streams")
    words = collections.Counter(sys.stdin.read().split())
    print(sum(words.values()), words.most_common(2), sys.argv[2:], os.environ["GREETING"])


texts()
numbers()
data()
control()
files(sys.argv[1])
streams()
