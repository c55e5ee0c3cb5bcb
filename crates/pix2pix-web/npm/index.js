// Runs trained pix2pix generators. A model is computed in workers (worker.js), one for each thread; this is their caller.

const inNode = Boolean(globalThis.process?.versions?.node);
/** A module of Node's. Bundlers for the browser would look for one that is imported. */
const ofNode = (name) => globalThis.process.getBuiltinModule(`node:${name}`);
/** The module for one thread and the one for several. */
const MODULES = { one: new URL("pix2pix.wasm", import.meta.url), several: new URL("pix2pix-threads.wasm", import.meta.url) };
const compiled = new Map();

/** Compiles a module once, for all models. */
function compile(url) {
  if (!compiled.has(url)) {
    const compiling = read(url).then((bytes) => WebAssembly.compile(bytes));
    compiling.catch(() => compiled.delete(url));
    compiled.set(url, compiling);
  }
  return compiled.get(url);
}

/** The memory of several threads, in pages of 64 KiB: the sizes that tools/build_web gives the module. */
const PAGES = { initial: 256, maximum: 32768 };

/** The most threads that are used unless the caller asks for more: the small layers of a network gain nothing from others. */
const MOST = 8;

/** How many threads there are, and the memory that they share; one thread has none. */
function shared(asked) {
  const able = inNode || globalThis.crossOriginIsolated === true;
  const threads = asked ?? (able ? Math.min(processors(), MOST) : 1);
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > 256) {
    throw new Error(`threads: ${shown(threads)}; give an integer, 1 to 256`);
  }
  if (threads === 1) {
    return { threads };
  }
  if (!able) {
    throw new Error(
      `threads: ${threads}, and this page shares no memory between threads; serve it with the headers ` +
        "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or give threads: 1",
    );
  }
  try {
    return { threads, memory: new WebAssembly.Memory({ ...PAGES, shared: true }) };
  } catch (reason) {
    // a small device reserves no memory of that size
    if (asked === undefined) {
      return { threads: 1 };
    }
    throw reason;
  }
}

function processors() {
  return inNode ? ofNode("os").availableParallelism() : (navigator.hardwareConcurrency ?? 1);
}

/** The bytes of a URL or, in Node, of a file. */
async function read(url, progress, signal) {
  if (inNode && !/^(https?|data|blob):/.test(url)) {
    const { readFile } = ofNode("fs/promises");
    const bytes = await readFile(String(url).startsWith("file:") ? new URL(url) : url, { signal });
    progress?.(bytes.length, bytes.length);
    return bytes;
  }
  const response = await fetch(url, { signal }).catch((reason) => {
    const advice = "check the connection and load it again";
    throw signal?.aborted ? reason : new Error(`${url}: it cannot be reached (${reason.message}); ${advice}`);
  });
  if (!response.ok) {
    throw new Error(`${url}: the server answers ${response.status}; load it again later, or check the address`);
  }
  // of a compressed answer, the length is that of other bytes than those that arrive
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  const total = length === null ? undefined : Number(length);
  const parts = [];
  let loaded = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((reason) => {
      throw signal?.aborted ? reason : interrupted(url, loaded, total);
    });
    if (done) {
      break;
    }
    parts.push(value);
    loaded += value.length;
    progress?.(loaded, total);
  }
  if (total !== undefined && loaded !== total) {
    throw interrupted(url, loaded, total);
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A cache of the browser's, where there is one. */
async function opened(name) {
  return globalThis.caches?.open(name).catch(() => undefined);
}

/** The bytes of a URL, from a cache of the browser's if it has them, which then holds no other version of the file. */
async function kept(url, name, progress, signal) {
  const cache = await opened(name);
  const found = await cache?.match(url);
  if (found) {
    return new Uint8Array(await found.arrayBuffer());
  }
  const bytes = await read(url, progress, signal);
  try {
    const path = (address) => {
      const { origin, pathname } = new URL(address, globalThis.location?.href);
      return origin + pathname;
    };
    for (const { url: other } of (await cache?.keys()) ?? []) {
      if (path(other) === path(url)) {
        await cache.delete(other);
      }
    }
    await cache?.put(url, new Response(bytes));
  } catch {
    // a browser that has no room for it downloads it again
  }
  return bytes;
}

function interrupted(url, loaded, total) {
  return new Error(`${url}: the download ended after ${loaded} of ${total ?? "unknown"} bytes; load it again`);
}

/** The name of a value's type, of another window's or program's values too, which `instanceof` does not know. */
const typeOf = (value) => Object.prototype.toString.call(value).slice(8, -1);

/** What each option of `load` and of `translate` must be, and whether a value is; of numbers, whoever uses them checks the range. */
const LOAD = {
  onProgress: ["a function", (value) => typeof value === "function"],
  signal: ["an AbortSignal", (value) => typeOf(value) === "AbortSignal"],
  cache: ["a text, the name of a cache", (value) => typeof value === "string"],
  threads: undefined,
};
const TRANSLATE = {
  dropout: ["true or false", (value) => typeof value === "boolean"],
  seed: undefined,
};

/** Refuses options that there are not, as misspelled ones would be ignored, and values of the wrong type. */
function check(options, known) {
  if (typeOf(options) !== "Object") {
    throw new Error(`the options are ${shown(options)}; give an object, as { ${Object.keys(known).join(", ")} }`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(known, name)) {
      throw new Error(`${name} is no option; the options are ${Object.keys(known).join(", ")}`);
    }
    const [what, is] = known[name] ?? [];
    if (value !== undefined && is?.(value) === false) {
      throw new Error(`${name}: ${shown(value)}; give ${what}`);
    }
  }
}

/** A value in a message. */
function shown(value) {
  if (Object(value) === value) {
    return `of type ${typeOf(value)}`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/**
 * Loads a model: a checkpoint, or what `pix2pix export --format model --weights f16` writes.
 * See index.d.ts.
 */
export async function load(model, options = {}) {
  check(options, LOAD);
  const { onProgress, signal, cache, threads } = options;
  const given = typeOf(model) === "ArrayBuffer" || ArrayBuffer.isView(model);
  if (!given && typeof model !== "string" && typeOf(model) !== "URL") {
    throw new Error(`the model is ${shown(model)}; give its address, or the bytes of its file`);
  }
  const space = shared(threads);
  const download = () => (cache === undefined ? read(model, onProgress, signal) : kept(model, cache, onProgress, signal));
  const bytes = given ? bytesOf(model) : await download();
  const module = await compile(space.threads > 1 ? MODULES.several : MODULES.one);
  const workers = new Workers();
  try {
    const sizes = await workers.start({ ...space, module, bytes }, given ? [] : [bytes.buffer]);
    return new Model(workers, sizes);
  } catch (reason) {
    workers.end(reason);
    if (given || !(reason instanceof Refusal)) {
      throw reason;
    }
    if (cache !== undefined) {
      // a page that a server sent in the model's place would be found again at each visit
      await (await opened(cache))?.delete(model).catch(() => {});
    }
    throw new Error(reason.message.replace(/^model:/, `${model}:`));
  }
}

/** What the program of the model does not take, with its reason. */
class Refusal extends Error {}

function bytesOf(data) {
  return typeOf(data) === "ArrayBuffer" ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Ends the workers of a model that nobody refers to any more. */
const forgotten = new FinalizationRegistry((workers) => workers.end(new Error("the model is gone")));

/** A model and the workers that compute it. */
class Model {
  #workers;

  constructor(workers, { width, height }) {
    this.#workers = workers;
    forgotten.register(this, workers);
    this.width = width;
    this.height = height;
  }

  async translate(picture, options = {}) {
    check(options, TRANSLATE);
    const { dropout = true, seed = 0 } = options;
    if (!(typeof seed === "bigint" || Number.isSafeInteger(seed)) || seed < 0 || seed >= 2n ** 64n) {
      throw new Error(`the seed is ${shown(seed)}; give an integer, 0 to 2^64 - 1`);
    }
    const { width, height, data } = pixelsOf(picture);
    if (!BYTES.includes(typeOf(data))) {
      throw new Error(`the picture's data is ${shown(data)}; give a Uint8ClampedArray: red, green, blue and alpha, 0 to 255`);
    }
    if (![width, height].every((side) => Number.isSafeInteger(side) && side > 0)) {
      throw new Error(`a picture of ${width}x${height} pixels; give whole numbers from 1`);
    }
    if (data.length !== 4 * width * height) {
      throw new Error(`the picture has ${data.length} bytes; ${width}x${height} pixels have ${4 * width * height}`);
    }
    const translated = await this.#workers.call("translate", { width, height, data, dropout, seed: BigInt(seed) });
    return globalThis.ImageData ? new ImageData(translated, width, height) : { width, height, data: translated };
  }

  free() {
    this.#workers.end(new Error("the model is freed; load it again"));
  }
}

/** The threads of one model. The first computes, one call after the other, and the rest help it. */
class Workers {
  #all = [];
  /** The calls that the first has not answered. */
  #waiting = [];
  /** Why there are no more answers. */
  #ended;

  /** Starts the threads, and loads the model. Returns its sizes. */
  async start({ threads, module, memory, bytes }, moved) {
    await this.#add();
    const places = await this.call("begin", { module, memory, helpers: threads - 1 });
    for (const place of places) {
      const helper = await this.#add();
      helper.postMessage({ work: "help", given: { module, memory, ...place } });
    }
    return this.call("load", { bytes, threads }, moved);
  }

  /** Has the first thread do `work`. Calls are answered in their order. */
  call(work, given, moved = []) {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      const [first] = this.#all;
      this.#waiting.push({ resolve, reject });
      // in Node, a worker at work keeps the program, an idle one does not
      first.ref?.();
      first.postMessage({ work, given }, moved);
    });
  }

  /** Ends the threads. Calls that wait fail with `reason`, and so do those that come. */
  end(reason) {
    this.#ended ??= reason;
    this.#all.forEach((worker) => worker.terminate());
    this.#waiting.splice(0).forEach(({ reject }) => reject(this.#ended));
  }

  /** Starts a worker. Returns it when it listens. */
  #add() {
    const worker = newWorker();
    this.#all.push(worker);
    return new Promise((resolve, reject) => {
      const failed = (event) => {
        const reason = new Error(`the program of the model did not start: ${event.message ?? "worker.js cannot be loaded"}`);
        this.end(reason);
        reject(reason);
      };
      const message = (data) => {
        if (data.ready) {
          worker.unref?.();
          resolve(worker);
        } else {
          this.#answered(data);
        }
      };
      listen(worker, message, failed);
    });
  }

  #answered({ stopped, problem, result }) {
    if (stopped) {
      const again = "load it again, with a smaller picture";
      this.end(new Error(`the model stopped: out of memory, or an internal error; ${again}`));
      return;
    }
    const { resolve, reject } = this.#waiting.shift();
    if (this.#waiting.length === 0) {
      this.#all[0].unref?.();
    }
    if (problem === undefined) {
      resolve(result);
    } else {
      reject(new Refusal(problem));
    }
  }
}

function newWorker() {
  if (inNode) {
    const { Worker: NodeWorker } = ofNode("worker_threads");
    // flags of the program are not for it: some are no worker's
    return new NodeWorker(new URL("worker.js", import.meta.url), { execArgv: [] });
  }
  // bundlers look for this form
  return new Worker(new URL("worker.js", import.meta.url), { type: "module" });
}

function listen(worker, message, error) {
  if (inNode) {
    worker.on("message", message).on("error", error);
  } else {
    worker.addEventListener("message", ({ data }) => message(data));
    worker.addEventListener("error", error);
  }
}

/** The arrays that hold pixels as they are translated; Node's Buffer is one of the second. */
const BYTES = ["Uint8ClampedArray", "Uint8Array"];

/** The pixels of a canvas or of an ImageData. */
function pixelsOf(picture) {
  if (Object(picture) !== picture) {
    throw new Error(`the picture is ${shown(picture)}; give a canvas, an ImageData or { width, height, data }`);
  }
  if (typeof picture.getContext !== "function") {
    return picture;
  }
  return picture.getContext("2d").getImageData(0, 0, picture.width, picture.height);
}
