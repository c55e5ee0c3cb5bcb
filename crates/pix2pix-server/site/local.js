// In a site of static files this is api.js: the page's other end. Models run in the visitor's browser, and pictures stay there.

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

/** The server decodes what the browser cannot open: here, nothing does. */
export async function preview(file) {
  throw new Problem(`The browser cannot open ${file.name ?? "this picture"}.`);
}

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Problem(`The site has no ${path}: upload the whole folder.`);
  return answer;
}

/** Translates a picture file: see the server's api.js. */
export async function translate(file, { model, seed, dropout }) {
  const { width, height, data } = await pixels(file);
  const address = new URL(listed.models.find((each) => each.name === model).file, location.href).href;
  const { picture, took } = await ask({ address, picture: { width, height, data }, options: { seed: Number(seed), dropout } });
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(new ImageData(picture, width, height), 0, 0);
  return { file: await canvas.convertToBlob(), took };
}

/** The pixels of a picture file, with the values that are in it. */
async function pixels(file) {
  const exact = { premultiplyAlpha: "none", colorSpaceConversion: "none" };
  const bitmap = await createImageBitmap(file, exact);
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

// the worker: one picture at a time

let worker = null;
let answered = null;

/** The worker's answer. */
function ask(message) {
  if (worker === null) {
    worker = new Worker("worker.js", { type: "module" });
    worker.addEventListener("message", ({ data }) => (data.loading ? showLoading(data.loading) : answered?.(data)));
    worker.addEventListener("error", () => answered?.({ problem: "The model's program did not start. Reload the page." }));
  }
  return new Promise((done, failed) => {
    answered = (data) => {
      showLoading(null);
      if (data.problem === undefined) done(data);
      else failed(new Problem(data.problem));
    };
    worker.postMessage(message, [message.picture.data.buffer]);
  });
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
