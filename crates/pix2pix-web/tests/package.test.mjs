// Tests of the npm package in Node. The environment names the package's folder, the `pix2pix` program and a folder with
// models: see tools/check_web.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { PACKAGE, PIX2PIX, MODELS } = process.env;
const { load } = await import(pathToFileURL(join(PACKAGE, "index.js")));
const unet = await readFile(join(MODELS, "unet.safetensors"));

/** A picture with smooth areas, edges and noise. */
function picture(width, height) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let at = 0; at < data.length; at += 4) {
    const [x, y] = [(at / 4) % width, Math.floor(at / 4 / width)];
    data.set([x * 2, y * 3, (x >> 4) % 2 === (y >> 4) % 2 ? 220 : (x * y * 7919) % 40, 255], at);
  }
  return { width, height, data };
}

/** The same picture, translated by the command line. */
async function native(model, { width, height, data }, options) {
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${height}, ${width}, 3), }`.padEnd(117) + "\n";
  const rgb = data.filter((_, index) => index % 4 < 3);
  const start = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]);
  const folder = await mkdtemp(join(tmpdir(), "pix2pix-web-"));
  try {
    await writeFile(join(folder, "in.npy"), Buffer.concat([start, Buffer.from(header), Buffer.from(rgb)]));
    const given = ["translate", model, join(folder, "in.npy"), "--out", join(folder, "out"), "--quiet", ...options];
    execFileSync(PIX2PIX, given, { stdio: ["ignore", "ignore", "inherit"] });
    const file = await readFile(join(folder, "out", "in.npy"));
    return file.subarray(10 + file.readUInt16LE(8));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Largest difference of red, green and blue. */
function difference(pixels, rgb) {
  const ours = pixels.data.filter((_, index) => index % 4 < 3);
  assert.equal(ours.length, rgb.length);
  return ours.reduce((most, value, index) => Math.max(most, Math.abs(value - rgb[index])), 0);
}

for (const name of ["unet", "resnet", "unet-best"]) {
  for (const [width, height, threads] of [[64, 64, 1], [75, 101, 1], [75, 101, 2], [64, 64, 3]]) {
    for (const dropout of [true, false]) {
      test(`${name}, ${width}x${height}, dropout ${dropout}, ${threads} threads: the picture of pix2pix translate`, async () => {
        const file = join(MODELS, `${name}.safetensors`);
        const source = picture(width, height);
        const options = dropout ? ["--seed", "18446744073709551615"] : ["--dropout", "off"];
        const expected = await native(file, source, options);
        const model = await load(file, { threads });
        const found = await model.translate(source, dropout ? { seed: 2n ** 64n - 1n } : { dropout });
        assert.ok(difference(found, expected) <= 1, `${difference(found, expected)} levels`);
        assert.deepEqual([found.width, found.height], [width, height]);
        assert.ok(found.data.every((value, index) => index % 4 < 3 || value === 255), "opaque");
        // the comparison can fail
        const other = await model.translate({ ...source, data: source.data.map((value) => 255 - value) }, { dropout });
        assert.ok(difference(other, expected) > 1);
      });
    }
  }
}

test("two channels are green and magenta, and opaque", async () => {
  const file = join(MODELS, "two.safetensors");
  const source = picture(64, 64);
  const expected = await native(file, source, ["--dropout", "off"]);
  assert.equal(expected.length, 64 * 64 * 2);
  const { data } = await (await load(file)).translate(source, { dropout: false });
  for (let pixel = 0; pixel < 64 * 64; pixel += 1) {
    const [red, green, blue, alpha] = data.subarray(4 * pixel);
    const [first, second] = expected.subarray(2 * pixel);
    assert.ok(Math.abs(green - first) <= 1 && Math.abs(red - second) <= 1, `pixel ${pixel}`);
    assert.deepEqual([blue, alpha], [red, 255]);
  }
});

test("a seed gives one picture, another seed another", async () => {
  const model = await load(unet);
  const source = picture(64, 64);
  const [first, again, other] = [
    await model.translate(source, { seed: 1 }),
    await model.translate(source, { seed: 1n }),
    await model.translate(source, { seed: 2 }),
  ];
  assert.deepEqual(first.data, again.data);
  assert.notDeepEqual(first.data, other.data);
  assert.deepEqual([model.width, model.height], [64, 64]);
});

test("a canvas is read as a picture", async () => {
  const model = await load(unet);
  const source = picture(64, 64);
  const canvas = { width: 64, height: 64, getContext: () => ({ getImageData: () => source }) };
  assert.deepEqual(await model.translate(canvas), await model.translate(source));
});

/** Serves `send` while `work` runs with its address. */
async function served(send, work) {
  const server = createServer((_, response) => send(response));
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  try {
    return await work(`http://127.0.0.1:${server.address().port}/model.safetensors`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("a download reports its progress", async () => {
  const seen = [];
  const send = (response) => response.writeHead(200, { "content-length": unet.length }).end(unet);
  await served(send, (url) => load(url, { onProgress: (...now) => seen.push(now) }));
  assert.deepEqual(seen.at(-1), [unet.length, unet.length]);
  assert.ok(seen.every(([loaded], index) => index === 0 || loaded > seen[index - 1][0]));
});

test("an interrupted download is told", async () => {
  const send = (response) => {
    response.writeHead(200, { "content-length": unet.length });
    response.write(unet.subarray(0, 70000), () => response.destroy());
  };
  await assert.rejects(served(send, load), /the download ended after \d+ of \d+ bytes; load it again/);
});

test("a missing file, a damaged file and foreign bytes are errors with a reason", async () => {
  await assert.rejects(served((response) => response.writeHead(404).end(), load), /answers 404; load it again later, or check/);
  await assert.rejects(load("http://127.0.0.1:1/model"), /127.0.0.1:1\/model: it cannot be reached \(.*; check the connection/);
  await assert.rejects(load(unet.subarray(0, 9000)), /damaged safetensors checkpoint/);
  await assert.rejects(load(new ArrayBuffer(100)), /damaged safetensors checkpoint/);
});

/** Runs `work` with a cache as a browser has it. */
async function caching(work) {
  const kept = new Map();
  const cache = {
    match: async (url) => kept.get(String(url))?.clone(),
    keys: async () => [...kept.keys()].map((url) => ({ url })),
    put: async (url, response) => void kept.set(String(url), response),
    delete: async (url) => kept.delete(String(url)),
  };
  globalThis.caches = { open: async () => cache };
  try {
    return await work(kept);
  } finally {
    delete globalThis.caches;
  }
}

test("a cache keeps a model, and no page that a server sends in its place", async () => {
  const answers = [Buffer.from("<!doctype html><title>Sign in</title>"), unet];
  const send = (response) => response.writeHead(200).end(answers.shift());
  await caching((kept) =>
    served(send, async (url) => {
      await assert.rejects(load(url, { cache: "models" }), (reason) => {
        assert.ok(reason.message.startsWith(`${url}: damaged safetensors checkpoint`), reason.message);
        return /; load it again, and if that does not help/.test(reason.message);
      });
      assert.equal(kept.size, 0);
      await load(url, { cache: "models" });
      assert.deepEqual([...kept.keys()], [url]);
      // the third is not downloaded: the server has nothing more to send
      assert.equal((await load(url, { cache: "models" })).width, 64);
    }),
  );
});

test("a picture or a seed that cannot be is an error, and the model still works", async () => {
  const model = await load(unet);
  const source = picture(64, 64);
  const empty = { width: 0, height: 8, data: new Uint8ClampedArray(0) };
  await assert.rejects(model.translate(empty), /a picture of 0x8 pixels/);
  await assert.rejects(model.translate({ ...source, height: 63 }), /16384 bytes; 64x63 pixels have 16128/);
  for (const [seed, shown] of [[-1, "-1"], [1.5, "1.5"], [2n ** 64n, "18446744073709551616"], ["1", '"1"']]) {
    const message = `the seed is ${shown}; give an integer, 0 to 2^64 - 1`;
    await assert.rejects(model.translate(source, { seed }), { message });
  }
  assert.equal((await model.translate(source)).data.length, source.data.length);
});

test("options and pictures of another kind are refused, and none is ignored", async () => {
  const model = await load(unet);
  const source = picture(64, 64);
  for (const [options, told] of [
    [{ dropout: "off" }, /^dropout: "off"; give true or false$/],
    [{ dropout: 0 }, /^dropout: 0; give true or false$/],
    [{ sed: 3 }, /^sed is no option; the options are dropout, seed$/],
    [{ toString: 3 }, /^toString is no option/],
    [null, /^the options are null; give an object, as \{ dropout, seed \}$/],
    [7, /^the options are 7; give an object/],
  ]) {
    await assert.rejects(model.translate(source, options), { message: told });
  }
  for (const data of [new Float32Array(source.data), new Uint16Array(source.data), [...source.data], undefined]) {
    await assert.rejects(model.translate({ ...source, data }), /^Error: the picture's data is .*; give a Uint8ClampedArray/);
  }
  for (const sides of [{ width: -64, height: -64 }, { width: 64.5 }, { width: "64" }, { height: undefined }]) {
    await assert.rejects(model.translate({ ...source, ...sides }), /a picture of .* pixels; give whole numbers from 1/);
  }
  for (const other of [null, undefined, "facades.png"]) {
    await assert.rejects(model.translate(other), /the picture is .*; give a canvas, an ImageData or/);
  }
  for (const [options, told] of [
    [{ onProgres: () => {} }, /^onProgres is no option; the options are onProgress, signal, cache, threads$/],
    [{ onProgress: true }, /^onProgress: true; give a function$/],
    [{ signal: new AbortController() }, /^signal: of type AbortController; give an AbortSignal$/],
    [{ cache: true }, /^cache: true; give a text, the name of a cache$/],
  ]) {
    await assert.rejects(load(unet, options), { message: told });
  }
  for (const other of [7, null, undefined, {}]) {
    await assert.rejects(load(other), /the model is .*; give its address, or the bytes of its file/);
  }
  // what is left out has its default; bytes may be in a Buffer
  const expected = await model.translate(source);
  const nothing = { dropout: undefined, seed: undefined };
  assert.deepEqual(await model.translate({ ...source, data: Buffer.from(source.data) }, nothing), expected);
  assert.ok(await load(unet, { onProgress: undefined, signal: undefined, cache: undefined, threads: undefined }));
});

test("a picture that exceeds the memory stops the model, and it says so", async () => {
  for (const threads of [1, 2]) {
    const model = await load(unet, { threads });
    // no array of this size is made here, only what takes its place
    const data = { length: 4 * 30000 * 30000, [Symbol.toStringTag]: "Uint8ClampedArray" };
    const huge = { width: 30000, height: 30000, data };
    const [stopped, waiting] = await Promise.allSettled([model.translate(huge), model.translate(picture(64, 64))]);
    for (const { reason } of [stopped, waiting]) {
      assert.match(reason.message, /the model stopped: out of memory/);
    }
    await assert.rejects(model.translate(picture(64, 64)), /the model stopped/);
    assert.ok(await (await load(unet, { threads })).translate(picture(64, 64)));
  }
});

test("the caller stays free, and calls are answered in their order", async () => {
  const model = await load(unet);
  const source = picture(256, 256);
  let ticks = 0;
  const clock = setInterval(() => (ticks += 1), 1);
  const order = [];
  const calls = [1, 2, 3].map((seed) => model.translate(source, { seed }).then((pixels) => order.push([seed, pixels])));
  await Promise.all(calls);
  clearInterval(clock);
  assert.deepEqual(order.map(([seed]) => seed), [1, 2, 3]);
  assert.ok(ticks > 3, `${ticks} ticks`);
  assert.notDeepEqual(order[0][1].data, order[1][1].data);
  assert.deepEqual(order[2][1], await model.translate(source, { seed: 3 }));
});

test("a number of threads that cannot be is refused", async () => {
  for (const threads of [0, 1.5, -1, 257, "2"]) {
    await assert.rejects(load(unet, { threads }), /threads: .*; give an integer, 1 to 256/);
  }
});

test("a program that has a model and nothing to do ends", () => {
  const program = `
    const { load } = await import(${JSON.stringify(pathToFileURL(join(PACKAGE, "index.js")).href)});
    const model = await load(${JSON.stringify(join(MODELS, "unet.safetensors"))}, { threads: 2 });
    const size = { width: 64, height: 64 };
    console.log((await model.translate({ ...size, data: new Uint8ClampedArray(4 * 64 * 64) })).data.length);`;
  const given = ["--input-type=module", "--eval", program];
  assert.equal(execFileSync(process.execPath, given, { timeout: 60_000, encoding: "utf8" }), "16384\n");
});

test("a model translates many pictures, and a freed one refuses", async () => {
  const model = await load(unet);
  const source = picture(64, 64);
  const expected = await model.translate(source);
  for (let count = 0; count < 20; count += 1) {
    await model.translate(source);
  }
  assert.deepEqual(await model.translate(source), expected);
  model.free();
  await assert.rejects(model.translate(source), /the model is freed/);
});
