// One thread of a model: it runs an instance of the module (crates/pix2pix-web/src) and does what index.js asks for.

// bundlers for the browser would look for a module of Node's that is imported, and their workers cannot wait for one here
const inNode = Boolean(globalThis.process?.versions?.node);
const port = inNode ? globalThis.process.getBuiltinModule("node:worker_threads").parentPort : globalThis;

/** Bytes of a thread's stack, as the module has them for the first. */
const STACK = 1 << 20;

let exports;
let memory;
let model;

const works = {
  /** Makes this thread the first. Returns the place in memory of each helper's own values. */
  async begin({ module, memory: given, helpers }) {
    await instantiate(module, given);
    return Array.from({ length: helpers }, () => ({
      stack: (exports.pix2pix_allocate(STACK) + STACK) & ~15,
      values: rounded(exports.pix2pix_allocate(exports.__tls_size.value + exports.__tls_align.value), exports.__tls_align.value),
    }));
  },

  /** Makes this thread a helper. It never returns. */
  async help({ module, memory: given, stack, values }) {
    await instantiate(module, given);
    exports.__stack_pointer.value = stack;
    exports.__wasm_init_tls(values);
    exports.pix2pix_help();
  },

  /** Loads the model, and returns its sizes. */
  load({ bytes, threads }) {
    if (threads > 1) {
      call(() => exports.pix2pix_gather(threads));
    }
    const at = copied(bytes);
    model = call(() => exports.pix2pix_load(at, bytes.length));
    exports.pix2pix_release(at, bytes.length);
    return { width: exports.pix2pix_width(model), height: exports.pix2pix_height(model) };
  },

  /** Translates a picture, and returns its pixels. */
  translate({ width, height, data, dropout, seed }) {
    const at = copied(data);
    // of a module that stops in the middle, nothing is released
    const done = exports.pix2pix_translate(model, at, width, height, dropout, seed);
    const translated = new Uint8ClampedArray(view(at, data.length));
    exports.pix2pix_release(at, data.length);
    call(() => done);
    return translated;
  },
};

port.onmessage = async ({ data: { work, given } }) => {
  try {
    const result = await works[work](given);
    port.postMessage({ result }, result instanceof Uint8ClampedArray ? [result.buffer] : []);
  } catch (problem) {
    // a module that stopped in the middle is not used again
    port.postMessage(problem instanceof Refusal ? { problem: problem.message } : { stopped: true });
  }
};
port.postMessage({ ready: true });

/** A failure that the module gives a reason for. */
class Refusal extends Error {}

async function instantiate(module, given) {
  ({ exports } = await WebAssembly.instantiate(module, given ? { env: { memory: given } } : {}));
  memory = given ?? exports.memory;
}

function rounded(address, to) {
  return Math.ceil(address / to) * to;
}

/** Bytes of the memory, at an address that the module returned as a signed number. A view ends when the memory grows: none is kept. */
function view(at, size) {
  return new Uint8Array(memory.buffer, at >>> 0, size);
}

/** Copies bytes into the memory. Returns their address. */
function copied(bytes) {
  const at = exports.pix2pix_allocate(bytes.length);
  view(at, bytes.length).set(bytes);
  return at;
}

/** The result of a function of the module; its failure becomes an error. */
function call(work) {
  const result = work();
  if (!result) {
    // a decoder reads no shared memory
    const reason = view(exports.pix2pix_reason(), exports.pix2pix_reason_size()).slice();
    throw new Refusal(new TextDecoder().decode(reason));
  }
  return result;
}
