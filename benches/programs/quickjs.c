/* QuickJS: objects, classes, closures, strings, a regular expression, JSON, typed arrays, big integers. */
#include "kernel.h"
#include "quickjs.h"
#include <string.h>

static const char script[] =
    "let sum = 0;\n"
    "const add = x => { sum = (sum * 31 + x) % 1000000007; };\n"
    "const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2);\n"
    "add(fib(20));\n"
    "class Shape { constructor(w) { this.w = w; } area() { return this.w * this.w; } }\n"
    "class Wide extends Shape { constructor(w, h) { super(w); this.h = h; } area() { return this.w * this.h; } }\n"
    "for (let i = 0; i < 8000; i++) add((i % 3 ? new Shape(i % 100) : new Wide(i % 100, i % 7)).area());\n"
    "const numbers = Array.from({ length: 4000 }, (_, i) => (i * 7919) % 4001);\n"
    "numbers.sort((a, b) => a - b).forEach((x, i) => { if (i % 50 === 0) add(x); });\n"
    "add(numbers.map(x => x * 2).filter(x => x % 3).reduce((a, b) => a + b, 0));\n"
    "const words = new Map();\n"
    "for (let i = 0; i < 5000; i++) { const k = 'k' + (i * i % 613); words.set(k, (words.get(k) ?? 0) + 1); }\n"
    "for (const [k, n] of words) add(k.length * n);\n"
    "let text = '';\n"
    "for (let i = 0; i < 1500; i++) text += `${i}:${(i * 7919).toString(16)};`;\n"
    "for (const [, d, h] of text.matchAll(/(\\d+):([0-9a-f]+);/g)) add(parseInt(d) + parseInt(h, 16));\n"
    "add(text.replace(/[a-f]{2,}/g, s => s.toUpperCase() + s.length).length);\n"
    "const tree = d => d ? { d, l: tree(d - 1), r: tree(d - 1), s: 'x'.repeat(d) } : null;\n"
    "const json = JSON.stringify(tree(8));\n"
    "add(json.length); add(JSON.stringify(JSON.parse(json)) === json ? 1 : 0);\n"
    "const bytes = new Uint8Array(20000);\n"
    "for (let i = 0; i < bytes.length; i++) bytes[i] = i * i ^ i >> 3;\n"
    "add(bytes.reduce((a, b) => (a * 33 + b) % 65521, 5381));\n"
    "let big = 1n; for (let i = 1n; i < 120n; i++) big *= i;\n"
    "add(Number(big % 1000003n));\n"
    "String(sum);\n";

static uint64_t sum;

void setup(void) { sum = 0; }

void kernel(void) {
    JSRuntime *runtime = JS_NewRuntime();
    JSContext *context = JS_NewContext(runtime);
    JSValue value = JS_Eval(context, script, sizeof script - 1, "script", JS_EVAL_TYPE_GLOBAL);
    const char *text = JS_ToCString(context, value);
    for (const char *c = text; c && *c; c++) sum = mixed(sum, (uint8_t)*c);
    JS_FreeCString(context, text);
    JS_FreeValue(context, value);
    JS_FreeContext(context);
    JS_FreeRuntime(runtime);
}

uint64_t checksum(void) { return sum; }
