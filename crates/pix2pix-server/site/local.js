// In a site of static files this is api.js: the page's other end. Models run in the visitor's browser, and pictures stay there.

import { load } from "./engine/index.js";

/** A failure that the page shows. */
export class Problem extends Error {
  constructor(detail) {
    super(detail);
    this.status = 500;
  }
}

/** There is no door. */
export function keepToken() {}

let listed = null;

/** The site's models: { models, training }. No training changes them. */
export async function models() {
  listed ??= await (await get("models.json")).json();
  return listed;
}

export async function example(model, index) {
  return createImageBitmap(await (await get(`examples/${index}.png`)).blob());
}

/** The server decodes what the browser cannot open: here, nothing does. Of a label map, the picture has its classes' colors. */
export async function preview(file, name, isOfClasses) {
  const what = file.name ?? "this picture";
  const model = listed.models.find((each) => each.name === name);
  const head = new Uint8Array(await file.slice(0, 26).arrayBuffer());
  const [depth, color] = String.fromCharCode(...head.slice(1, 4)) === "PNG" ? head.slice(24) : [];
  // of 16 bits, a browser keeps the upper 8
  if (depth === 16 && !model.upper_bits) {
    throw new Problem(
      `${what} has 16 bits, of which browsers keep 8: not enough for ${model.source}. Open it with "pix2pix serve".`,
    );
  }
  const picture = await pixels(file).catch(() => null);
  if (picture === null) throw new Problem(`The browser cannot open ${what}.`);
  // gray, or gray and alpha
  const isGray = color === 0 || color === 4;
  const note = isOfClasses ? classify(picture, model.palette, isGray && model.by_id) : "";
  return { picture: await createImageBitmap(picture), note };
}

/** Largest difference of a channel that a JPEG makes of a class's color: NEAR in the runtime's picture/labels.rs. */
const NEAR = 16;

/**
 * Gives each pixel of a label map the color of its class: that of its number, which is its gray level, or the nearest one (the least
 * squared distance). Returns a note if some are not near.
 */
function classify({ data }, palette, isById) {
  const colors = palette.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const distance = (one, other) => one.reduce((sum, value, at) => sum + (value - other[at]) ** 2, 0);
  const classOf = (pixel) => {
    if (isById) return { color: colors[pixel[0]] ?? colors.at(-1), isKnown: pixel[0] < colors.length };
    const color = colors.reduce((best, each) => (distance(each, pixel) < distance(best, pixel) ? each : best));
    return { color, isKnown: colors.some((each) => each.every((value, at) => Math.abs(value - pixel[at]) <= NEAR)) };
  };
  const known = new Map();
  let others = 0;
  for (let at = 0; at < data.length; at += 4) {
    const code = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
    if (!known.has(code)) known.set(code, classOf([data[at], data[at + 1], data[at + 2]]));
    const { color, isKnown } = known.get(code);
    [data[at], data[at + 1], data[at + 2], data[at + 3]] = [...color, 255];
    if (!isKnown) others += 1;
  }
  if (others === 0) return "";
  const percent = (400 * others) / data.length;
  const share = percent < 1 ? "less than 1%" : `${Math.round(percent)}%`;
  return `${share} of its pixels have a color that no class has, and became the nearest class`;
}

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Problem(`The site has no ${path}: upload the whole folder.`);
  return answer;
}

/** Translates a picture file: see the server's api.js. */
export async function translate(file, { model, seed, dropout }) {
  const picture = await pixels(file);
  const address = new URL(listed.models.find((each) => each.name === model).file, location.href).href;
  try {
    const loaded = await modelOf(address);
    const start = performance.now();
    const translated = await loaded.translate(picture, { seed: Number(seed), dropout });
    const took = performance.now() - start;
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    // as the server shows it: of four channels, the fourth one is rarely opacity
    for (let at = 3; at < translated.data.length; at += 4) translated.data[at] = 255;
    canvas.getContext("2d").putImageData(translated, 0, 0);
    return { file: await canvas.convertToBlob(), took };
  } catch (problem) {
    // the next request loads it again
    forget();
    throw new Problem(problem.message);
  }
}

/** The pixels of a picture file, with the values that are in it. */
async function pixels(file) {
  const exact = { premultiplyAlpha: "none", colorSpaceConversion: "none" };
  const bitmap = await createImageBitmap(file, exact);
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

/** The newest model, or its download: { address, model }. */
let kept = { address: null, model: null };

function forget() {
  kept.model?.then((model) => model.free(), () => {});
  kept = { address: null, model: null };
}

function modelOf(address) {
  if (kept.address !== address) {
    forget();
    const onProgress = (loaded, total) => showLoading({ loaded, total });
    const model = load(address, { onProgress, cache: "pix2pix" }).finally(() => showLoading(null));
    kept = { address, model };
  }
  return kept.model;
}

/** The bar of the model's download; `null` at its end. */
function showLoading(state) {
  const bar = document.getElementById("loading") ?? Object.assign(document.createElement("progress"), { id: "loading" });
  if (state === null) {
    bar.remove();
    return;
  }
  const { loaded, total } = state;
  const size = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  const text = `Loading the model: ${size(loaded)}${total === undefined ? "" : ` of ${size(total)}`}`;
  bar.setAttribute("aria-label", "Loading the model");
  if (total !== undefined) [bar.max, bar.value] = [total, loaded];
  const status = document.getElementById("status");
  status.before(bar);
  status.textContent = text;
}

// Threads share memory only on a page that is cross-origin isolated. Where the host does not send the headers for it, a service
// worker adds them; it has the page from its second load on, so the first one loads it again, once.

const ISOLATED = "pix2pix-isolated";

async function isolate() {
  // in a frame, the page around it decides
  if (crossOriginIsolated || window !== top || !navigator.serviceWorker || sessionStorage.getItem(ISOLATED)) return;
  sessionStorage.setItem(ISOLATED, "tried");
  await navigator.serviceWorker.register("isolate.js");
  await navigator.serviceWorker.ready;
  location.reload();
  // nothing else begins on a page that ends
  await new Promise(() => {});
}

await isolate().catch(() => {
  // without it, one thread computes
});
