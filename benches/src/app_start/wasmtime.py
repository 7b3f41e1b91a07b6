"""A component in Wasmtime, for the benchmark that starts this.

compile COMPONENT.wat OUT   compiles it ahead of time -> {"version": of what}
start OUT SUM               loads that, instantiates it, calls its export "go", which must return SUM, in a process that
                            has done nothing else yet -> what that took
What fails                                            -> {"error": why}
"""

import importlib.metadata
import json
import pathlib
import sys
import time


def taken():
    status = pathlib.Path("/proc/self/status").read_text()
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kib) << 10, len(pathlib.Path("/proc/self/maps").read_text().splitlines())


def start(file, wanted):
    engine = Engine()
    memory, mappings = taken()
    times = [time.perf_counter_ns()]
    component = Component.deserialize_file(engine, file)
    times.append(time.perf_counter_ns())
    store = Store(engine)
    instance = Linker(engine).instantiate(store, component)
    times.append(time.perf_counter_ns())
    result = instance.get_func(store, "go")(store, 0)
    times.append(time.perf_counter_ns())
    if result != int(wanted):
        return {"error": "it computed something else"}
    check, link, call = (behind - before for before, behind in zip(times, times[1:]))
    after = taken()
    parts = {"check": check, "link": link, "call": call}
    return parts | {"memory": max(0, after[0] - memory), "mappings": max(0, after[1] - mappings)}


try:
    from wasmtime import Engine, Store
    from wasmtime.component import Component, Linker

    if sys.argv[1] == "compile":
        text = pathlib.Path(sys.argv[2]).read_text()
        pathlib.Path(sys.argv[3]).write_bytes(Component(Engine(), text).serialize())
        print(json.dumps({"version": importlib.metadata.version("wasmtime")}))
    else:
        print(json.dumps(start(*sys.argv[2:])))
except ImportError as error:
    print(json.dumps({"error": f"the Python package wasmtime is not installed ({error})"}))
except Exception as error:
    print(json.dumps({"error": str(error).splitlines()[0]}))
