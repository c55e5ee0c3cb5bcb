// A program that tools/check_web has TypeScript check: the types of the npm package.
import { load, type Model, type Pixels } from "pix2pix";

const model: Model = await load("model.safetensors", {
  onProgress: (loaded, total) => console.log(total === undefined ? loaded : loaded / total),
  signal: AbortSignal.timeout(60_000),
  threads: 2,
});
const canvas = document.createElement("canvas");
canvas.width = model.width;
canvas.height = model.height;
const image: Pixels = await model.translate(canvas, { dropout: true, seed: 7n });
const again: Pixels = await model.translate(image);
console.log(again.data.length);
model.free();

// @ts-expect-error a seed is a number
await model.translate(image, { seed: "7" });
// @ts-expect-error the sizes are the model's own
model.width = 3;
// @ts-expect-error a model is an address or bytes
await load(7);
