#!/usr/bin/env node
// Times the npm package beside onnxruntime-web in headless Chromium: the same generator, 256x256 pixels, in turns, least times.
// The page is cross-origin isolated, so both have threads. WebGPU is timed too, if Chromium has it.
//
// Set-up:  cargo build --release; tools/build_web; Node 20, npm and chromium
// Run:     tools/compare_web.mjs RUN [ROUNDS]    (a run folder or a checkpoint; 5 rounds)
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { availableParallelism, tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const [run, rounds = "5"] = process.argv.slice(2);
if (run === undefined) {
  console.error("usage: tools/compare_web.mjs RUN [ROUNDS]");
  process.exit(2);
}
const root = fileURLToPath(new URL("..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "compare-web-"));

/** What the page runs: ours and theirs in turns, with as many threads as its address says, theirs on WebGPU if it says so. */
async function compare(rounds) {
  const { load } = await import("/npm/index.js");
  const ort = await import("/ort/ort.webgpu.bundle.min.mjs");
  const query = new URLSearchParams(location.search);
  const threads = Number(query.get("threads"));
  const size = { width: 256, height: 256 };
  const data = new Uint8ClampedArray(4 * 256 * 256).map((_, index) => (index % 4 === 3 ? 255 : (index * 7919) >> 5));
  const source = new Float32Array(3 * 256 * 256);
  for (let at = 0; at < 256 * 256; at += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      source[channel * 256 * 256 + at] = data[4 * at + channel] / 127.5 - 1;
    }
  }
  let provider = "wasm";
  let where = `${threads} threads`;
  if (query.has("gpu")) {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) {
      return { note: "no WebGPU in this Chromium" };
    }
    const { vendor, architecture, description } = adapter.info;
    [provider, where] = ["webgpu", `WebGPU (${[vendor, architecture, description].filter(Boolean).join(" ")})`];
  }
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create("/model.onnx", { executionProviders: [provider] });
  const input = { [session.inputNames[0]]: new ort.Tensor("float32", source, [1, 3, 256, 256]) };
  const model = await load("/model.safetensors", { threads });
  const works = [
    [`pix2pix, ${threads} threads`, async () => (await model.translate({ ...size, data }, { dropout: false })).data],
    [`onnxruntime-web, ${where}`, async () => (await session.run(input))[session.outputNames[0]].getData()],
  ];
  const least = works.map(() => Infinity);
  const outputs = [];
  // the first round warms up
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, [, work]] of works.entries()) {
      const start = performance.now();
      outputs[index] = await work();
      const took = performance.now() - start;
      least[index] = round === 0 ? Infinity : Math.min(least[index], took);
    }
  }
  let off = 0;
  for (let at = 0; at < 256 * 256; at += 1) {
    off = Math.max(off, Math.abs((outputs[1][at] + 1) * 127.5 - outputs[0][4 * at]));
  }
  return { times: works.map(([name], index) => [name, least[index]]), off };
}

const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const folders = { npm: join(root, "target/web/npm"), ort: join(work, "node_modules/onnxruntime-web/dist") };

/** Serves the page, and waits for its result. */
function results(query) {
  return new Promise((resolve, reject) => {
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url, "http://localhost");
      if (request.method === "POST") {
        let text = "";
        request.on("data", (part) => (text += part)).on("end", () => {
          response.end();
          chromium.kill();
          server.close();
          resolve(JSON.parse(text));
        });
        return;
      }
      const [, first, ...rest] = normalize(pathname).split("/");
      const file = first in folders ? join(folders[first], ...rest) : join(work, first || "index.html");
      try {
        const content = readFileSync(file);
        response.writeHead(200, {
          "content-type": TYPES[extname(file)] ?? "application/octet-stream",
          "cross-origin-opener-policy": "same-origin",
          "cross-origin-embedder-policy": "require-corp",
        });
        response.end(content);
      } catch {
        response.writeHead(404).end();
      }
    });
    let chromium;
    server.listen(0, "127.0.0.1", () => {
      const flags = ["--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"];
      flags.push("--disable-component-update", "--disable-sync", `--user-data-dir=${join(work, `profile${query}`)}`);
      flags.push("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader");
      const options = { stdio: "ignore", env: { ...process.env, TMPDIR: work } };
      chromium = spawn("chromium", [...flags, `http://127.0.0.1:${server.address().port}/?${query}`], options);
      chromium.on("error", reject);
    });
  });
}

try {
  const program = join(root, "target/release/pix2pix");
  const quiet = { stdio: ["ignore", "ignore", "inherit"] };
  execFileSync("npm", ["install", "--silent", "--no-audit", "--no-fund", "--prefix", work, "onnxruntime-web"], quiet);
  execFileSync(program, ["export", run, "--format", "model", "--weights", "f16", "--out", join(work, "model.safetensors")], quiet);
  execFileSync(program, ["export", run, "--dropout", "off", "--out", join(work, "model.onnx")], quiet);
  writeFileSync(
    join(work, "index.html"),
    `<script type="module">${compare}
     const result = await compare(${Number(rounds)}).catch((reason) => ({ note: String(reason) }));
     await fetch("/result", { method: "POST", body: JSON.stringify(result) });</script>`,
  );
  const all = availableParallelism();
  for (const query of ["threads=1", `threads=${all}`, `threads=${all}&gpu`]) {
    const { times, off, note } = await results(query);
    for (const [name, took] of times ?? []) {
      console.log(`${name}: ${took.toFixed(0)} ms`);
    }
    console.log(note ?? `largest difference in red: ${off.toFixed(2)} of 255`);
  }
} finally {
  // the browser writes until all its processes have ended
  rmSync(work, { recursive: true, force: true, maxRetries: 10 });
}
