"""Loops of components in Wasmtime, for the benchmark that starts this: a line of JSON for each line of JSON.

{"key": K, "text": T}   compiles component T and keeps its export "go" as K -> {}
{"key": K, "count": N}  calls it with N                                     -> {"ns": time, "result": what it returned}
What fails                                                                  -> {"error": why}
"""

import importlib.metadata
import json
import sys
import time


def say(what):
    print(json.dumps(what), flush=True)


try:
    from wasmtime import Engine, Store
    from wasmtime.component import Component, Linker
except ImportError as error:
    say({"error": f"the Python package wasmtime is not installed ({error})"})
    sys.exit()

say({"version": importlib.metadata.version("wasmtime")})
engine, kept = Engine(), {}
for line in sys.stdin:
    asked = json.loads(line)
    try:
        if "text" in asked:
            store = Store(engine)
            instance = Linker(engine).instantiate(store, Component(engine, asked["text"]))
            kept[asked["key"]] = (store, instance.get_func(store, "go"))
            say({})
        else:
            store, go = kept[asked["key"]]
            begin = time.perf_counter_ns()
            result = go(store, asked["count"])
            say({"ns": time.perf_counter_ns() - begin, "result": result})
    except Exception as error:
        say({"error": str(error)})
