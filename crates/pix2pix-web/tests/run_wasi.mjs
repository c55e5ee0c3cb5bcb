// Runs a test program of Rust that is compiled for wasm32-wasip1: cargo's runner for tools/check_web.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [program, ...args] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args: [program, ...args], env: process.env });
// Debian's C library for WASI has no threads, which the standard library asks for
const ENOTSUP = 58;
const threads = {
  pthread_attr_init: () => 0,
  pthread_attr_setstacksize: () => 0,
  pthread_attr_destroy: () => 0,
  pthread_create: () => ENOTSUP,
  pthread_join: () => ENOTSUP,
  pthread_detach: () => ENOTSUP,
};
const module = await WebAssembly.compile(await readFile(program));
const instance = await WebAssembly.instantiate(module, { ...wasi.getImportObject(), env: threads });
process.exitCode = wasi.start(instance);
