// Runs a program for wasm32-wasip1, such as a crate's tests, with one folder of this machine: the workspace.
// usage: node wasi.mjs WORKSPACE PROGRAM [ARGUMENT...]

import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

const [workspace, program, ...rest] = process.argv.slice(2);
const wasi = new WASI({
  version: 'preview1',
  args: [program, ...rest],
  env: { RUST_BACKTRACE: '0' },
  preopens: { [workspace]: workspace },
  returnOnExit: true,
});
const module = await WebAssembly.compile(await readFile(program));
process.exitCode = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
