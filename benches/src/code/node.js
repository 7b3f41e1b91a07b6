// V8 with a module of three exports: warmed up until its optimising compiler has done what it will do, then one run for
// each line that it is sent. Answers with nanoseconds of a processor and the checksum, or with what went wrong.
const fs = require('node:fs');
const { WASI } = require('node:wasi');

const WARM = { runs: 6, nanoseconds: 600_000_000n };

// Microseconds of a processor: of this thread, or in an older Node of all, which are idle after the warming up.
function processor() {
  const { user, system } = process.threadCpuUsage ? process.threadCpuUsage() : process.cpuUsage();
  return user + system;
}

function once({ setup, kernel, checksum }) {
  setup();
  const begun = processor();
  kernel();
  const time = processor() - begun;
  return [1000 * time, BigInt.asUintN(64, checksum())];
}

try {
  const wasi = new WASI({ version: 'preview1', args: [], env: {} });
  const module = new WebAssembly.Module(fs.readFileSync(process.argv[1]));
  const instance = new WebAssembly.Instance(module, wasi.getImportObject());
  wasi.initialize(instance);
  const begun = process.hrtime.bigint();
  for (let run = 0; run < WARM.runs || process.hrtime.bigint() - begun < WARM.nanoseconds; run++) once(instance.exports);
  const byte = Buffer.alloc(1);
  while (fs.readSync(0, byte) === 1) fs.writeSync(1, once(instance.exports).join(' ') + '\n');
} catch (error) {
  fs.writeSync(1, String(error).split('\n')[0] + '\n');
}
