// What the script case runs. Calls no function whose last bit is the C library's choice.
import * as std from "qjs:std";
import * as os from "qjs:os";

const show = (...values) => console.log(values.map((value) =>
    typeof value === "object" ? JSON.stringify(value) : String(value)).join(" "));
const section = (name) => console.log(`--- ${name}`);

section("numbers");
show(0.1 + 0.2, 1e21, 1e-7, 5e-324, (25).toString(36), (0.1).toFixed(20), (1234.5678).toExponential(3));
show(Number.MAX_SAFE_INTEGER + 2, -0 === 0, Object.is(-0, 0), parseInt("12px"), Number("0x1f"), 7 % -3, -7 % 3);
show(2 ** 53, 1 << 31, 1 >>> 0, -1 >>> 0, Math.imul(0xffffffff, 5), Math.clz32(1), Math.fround(5.1));
show(Math.sqrt(2), Math.round(-0.5), Math.trunc(-4.7), Math.max(), [10, 9, 1].sort(), [10, 9, 1].sort((a, b) => a - b));

section("big integers");
// By Machin's formula, in units of the last digit.
function arctangentOfInverse(number, unit) {
    let sum = 0n;
    for (let power = unit / number, odd = 1n, sign = 1n; power; power /= number * number, odd += 2n, sign = -sign)
        sum += (sign * power) / odd;
    return sum;
}
const unit = 10n ** 1010n;
const pi = 4n * (4n * arctangentOfInverse(5n, unit) - arctangentOfInverse(239n, unit));
show(String(pi).slice(760, 770));
show(3n ** 200n % 1000000007n, -7n / 2n, -7n % 2n, BigInt.asIntN(8, 255n), BigInt("0xfedcba9876543210"));
show((2n ** 127n - 1n).toString(36), 1n << 100n, ~5n, 12345678901234567890n & -4096n, 5n > 4, 2n == 2);

section("texts");
show("naïve ☃ 𝄞".length, [..."naïve ☃ 𝄞"].length, "ß".toUpperCase(), "ÅÉ".toLowerCase());
show("e\u0301".normalize("NFC").length, "x".padStart(5, "ab"), "a-b-c".split("-", 2), "abc".at(-1));
show("10:31 warn 81% 10:32 info 79%".replace(/(?<h>\d+):(?<m>\d+) (?<level>\w+) (\d+)%/g, "$<level>@$<m>=$4"));
show([..."aAbBcC".matchAll(/(?<lower>[a-z])(?<upper>[A-Z])/g)].map((match) => [match.index, match.groups.upper]));
show(/^(?:a+)+$/.test("a".repeat(20)), /\p{Script=Greek}/u.test("λ"), /(?<=\$)\d+/.exec("cost: $42")[0]);
console.log(JSON.stringify({ a: [1, { b: null }], c: "\u2028\ud800", d: undefined, e: new Date(0), f: NaN }, null, 1));
show(encodeURIComponent("a b&ü/☃"), escape("ü"), decodeURIComponent("%E2%98%83"), String.raw`\n${1 + 1}`);
show(new Date(Date.UTC(2024, 1, 29, 12, 30)).toISOString(), new Date("2000-02-30T00:00:00Z").getTime());

section("objects");
class Shape {
    #name;
    static count = 0;
    constructor(name) { this.#name = name; Shape.count++; }
    get name() { return this.#name; }
    area() { return 0; }
}
class Square extends Shape {
    constructor(side) { super("square"); this.side = side; }
    area() { return this.side ** 2; }
}
show(new Square(3).area(), new Square(4).name, Shape.count, Object.getOwnPropertyNames(Square.prototype));
const logged = [];
const proxy = new Proxy({}, { get: (_, key) => (logged.push(key), key), has: () => true });
show(proxy.one + proxy.two, "any" in proxy, logged);
function* walk(tree) {
    if (tree) {
        yield* walk(tree[0]);
        yield tree[1];
        yield* walk(tree[2]);
    }
}
show([...walk([[null, 1, null], 2, [[null, 3, null], 4, null]])]);
show([...new Set([3, 1, 3])], [...new Map([["b", 1], ["a", 2]]).keys()], [1, [2, [3]]].flat(Infinity));
const { x = 1, ...rest } = { y: 2, z: 3 };
show(x, rest, [..."abc"].entries().next(), Object.groupBy([1, 2, 3], (n) => (n % 2 ? "odd" : "even")));
const wrong = ["null.x", "let a; let a", "undefinedName", "new Array(-1)", "(1).toString(99)", "Symbol() + ''",
    "BigInt(1.5)", "JSON.parse('{')", "decodeURI('%')", "'use strict'; NaN = 1", "class A { b() { this.#c } }"];
for (const text of wrong) {
    try {
        show(text, eval(text));
    } catch (error) {
        show(text, error.name, error.message);
    }
}

section("bytes");
const view = new DataView(new ArrayBuffer(16));
view.setFloat64(0, Math.PI);
view.setInt16(8, -2, true);
view.setBigUint64(8, 0x0102030405060708n);
show([...new Uint8Array(view.buffer)], view.getFloat32(0), new Float32Array([1 / 3])[0]);
show([...new Uint8ClampedArray([300, -5, 1.5])], [...new Int8Array([200, -129])], view.buffer.slice(2, 5).byteLength);

section("work");
function primesTo(limit) {
    const composite = new Uint8Array(limit + 1);
    let count = 0;
    for (let number = 2; number <= limit; number++) {
        if (composite[number]) continue;
        count++;
        for (let multiple = number * number; multiple <= limit; multiple += number) composite[multiple] = 1;
    }
    return count;
}
show(primesTo(300000));
let seed = 1;
const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff;
const rows = Array.from({ length: 20000 }, (_, id) => ({ id, key: Math.floor(random() * 1000).toString(16) }));
const counts = new Map();
for (const { key } of rows) counts.set(key, (counts.get(key) ?? 0) + 1);
show([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 3));
show(rows.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : b.id - a.id))[0]);
show(JSON.stringify(JSON.parse(JSON.stringify(rows))).length);
let garbage;
for (let i = 0; i < 200000; i++) garbage = { before: i % 100 ? garbage : null, text: "t" + i };
show(garbage.text);
const cells = new Set(["1,0", "2,1", "0,2", "1,2", "2,2"]); // a glider, which moves on
for (let generation = 0; generation < 100; generation++) {
    const near = new Map();
    for (const cell of cells) {
        const [column, row] = cell.split(",").map(Number);
        for (const [dx, dy] of [[-1, -1], [0, -1], [1, -1], [-1, 0], [1, 0], [-1, 1], [0, 1], [1, 1]])
            near.set(`${column + dx},${row + dy}`, (near.get(`${column + dx},${row + dy}`) ?? 0) + 1);
    }
    const before = new Set(cells);
    cells.clear();
    for (const [cell, count] of near) if (count === 3 || (count === 2 && before.has(cell))) cells.add(cell);
}
show([...cells].sort());

section("files");
show(scriptArgs.slice(1), std.getenv("HOME") !== undefined);
os.mkdir("made", 0o755);
const file = std.open("made/numbers.bin", "w+b");
for (let i = 0; i < 1000; i++) file.putByte(i & 255);
file.seek(-3, std.SEEK_END);
show(file.tell(), file.getByte(), file.eof());
file.close();
std.writeFile("made/text", "one\ntwo ☃\n");
show(std.loadFile("made/text"), os.readdir("made")[0].sort());
os.rename("made/text", "made/words");
show(os.stat("made/words")[0].size, os.stat("made/text")[1] !== 0, os.remove("made/none") !== 0);
show(std.open("made/none", "r"), std.open("/etc/nothing-there", "r"));

section("later");
os.setTimeout(() => show("timer"), 5);
queueMicrotask(() => show("microtask"));
async function* slowly() {
    yield 1;
    yield Promise.resolve(2);
}
(async () => {
    for await (const number of slowly()) show("async", number);
    const all = await Promise.allSettled([Promise.reject(new Error("no")), 1]);
    show(all.map((one) => one.status));
})();
std.out.printf("%s %05d %.3f\n", "printf", 42, 1.5);
show(std.in.getline(), std.in.readAsString().length);
