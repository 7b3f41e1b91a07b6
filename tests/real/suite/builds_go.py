"""Builds a Go program, for WASI and natively, with the toolchain of a package."""

import os

from .builds import kept, step
from .harness import HERE, sha256

SOURCE = HERE / "go/guest.go"


def build(run):
    go = run.package("go") / "go/bin/go"

    def make(scratch, made):
        environment = {"PATH": os.environ["PATH"], "HOME": str(scratch), "GOPATH": str(scratch / "path"),
                       "GOCACHE": str(scratch / "cache"), "GOTOOLCHAIN": "local", "GOPROXY": "off", "CGO_ENABLED": "0",
                       # What it writes into the module cache could not be removed.
                       "GOFLAGS": "-modcacherw"}
        for output, target in [("go-guest", {}), ("go-guest.wasm", {"GOOS": "wasip1", "GOARCH": "wasm"})]:
            step("go-guest", [go, "build", "-trimpath", "-o", made / output, SOURCE], env={**environment, **target},
                 cwd=scratch)
    return kept(run.options.cache, "go-guest", (run.package("go").name, sha256(SOURCE)), make)
