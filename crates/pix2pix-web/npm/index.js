// Runs trained pix2pix generators: the other side of crates/pix2pix-web/src/lib.rs.

let compiled;

/** Compiles the module once, for all models. */
function compile() {
  compiled ??= read(new URL("pix2pix.wasm", import.meta.url))
    .then((bytes) => WebAssembly.compile(bytes))
    .catch((reason) => {
      compiled = undefined;
      throw reason;
    });
  return compiled;
}

/** The bytes of a URL or, in Node, of a file. */
async function read(url, progress, signal) {
  if (globalThis.process?.versions?.node && !/^(https?|data|blob):/.test(url)) {
    const { readFile } = await import("node:fs/promises");
    const bytes = await readFile(String(url).startsWith("file:") ? new URL(url) : url, { signal });
    progress?.(bytes.length, bytes.length);
    return bytes;
  }
  const response = await fetch(url, { signal });
  if (!response.ok) {
    throw new Error(`${url}: the server answers ${response.status}; check the address`);
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

/** The bytes of a URL, from a cache of the browser's if it has them, which then holds no other version of the file. */
async function kept(url, name, progress, signal) {
  const cache = await globalThis.caches?.open(name).catch(() => undefined);
  const found = await cache?.match(url);
  if (found) {
    return new Uint8Array(await found.arrayBuffer());
  }
  const bytes = await read(url, progress, signal);
  try {
    const path = (address) => new URL(address, globalThis.location?.href).pathname;
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

/**
 * Loads a model: a checkpoint, or what `pix2pix export --format model --half f16` writes.
 * See index.d.ts.
 */
export async function load(model, { onProgress, signal, cache } = {}) {
  const given = model instanceof ArrayBuffer || ArrayBuffer.isView(model);
  const download = () => (cache === undefined ? read(model, onProgress, signal) : kept(model, cache, onProgress, signal));
  const bytes = given ? bytesOf(model) : await download();
  const { exports } = await WebAssembly.instantiate(await compile(), {});
  return new Model(exports, bytes);
}

function bytesOf(data) {
  return data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A model in a memory of its own. */
class Model {
  #exports;
  #model;

  constructor(exports, bytes) {
    this.#exports = exports;
    const at = this.#copied(bytes);
    this.#model = this.#call(() => exports.pix2pix_load(at, bytes.length));
    exports.pix2pix_release(at, bytes.length);
    this.width = exports.pix2pix_width(this.#model);
    this.height = exports.pix2pix_height(this.#model);
  }

  async translate(picture, { dropout = true, seed = 0 } = {}) {
    if (this.#exports === undefined) {
      throw new Error("the model is freed; load it again");
    }
    if (!(typeof seed === "bigint" || Number.isSafeInteger(seed)) || seed < 0 || seed >= 2n ** 64n) {
      throw new Error(`the seed is ${seed}; give an integer, 0 to 2^64 - 1`);
    }
    const { width, height, data } = pixelsOf(picture);
    if (data.length !== 4 * width * height) {
      throw new Error(`the picture has ${data.length} bytes; ${width}x${height} pixels have ${4 * width * height}`);
    }
    const at = this.#copied(data);
    try {
      this.#call(() => this.#exports.pix2pix_translate(this.#model, at, width, height, dropout, BigInt(seed)));
      const translated = new Uint8ClampedArray(this.#memory(at, data.length));
      return globalThis.ImageData ? new ImageData(translated, width, height) : { width, height, data: translated };
    } finally {
      this.#exports?.pix2pix_release(at, data.length);
    }
  }

  free() {
    this.#exports = undefined;
  }

  /** Views of the memory end when it grows: none is kept. */
  #memory(at, size) {
    return new Uint8Array(this.#exports.memory.buffer, at, size);
  }

  #copied(bytes) {
    const at = this.#guarded(() => this.#exports.pix2pix_allocate(bytes.length));
    this.#memory(at, bytes.length).set(bytes);
    return at;
  }

  /** The result of a function of the module, whose failure becomes an error. */
  #call(work) {
    const result = this.#guarded(work);
    if (!result) {
      const reason = this.#memory(this.#exports.pix2pix_reason(), this.#exports.pix2pix_reason_size());
      throw new Error(new TextDecoder().decode(reason));
    }
    return result;
  }

  /** A module that stopped in the middle is not used again. */
  #guarded(work) {
    try {
      return work();
    } catch {
      this.free();
      throw new Error("the model stopped: out of memory, or an internal error; load it again, with a smaller picture");
    }
  }
}

/** The pixels of a canvas or of an ImageData. */
function pixelsOf(picture) {
  if (typeof picture.getContext !== "function") {
    return picture;
  }
  return picture.getContext("2d").getImageData(0, 0, picture.width, picture.height);
}
