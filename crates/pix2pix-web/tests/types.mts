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
const image = await model.translate(canvas, { dropout: true, seed: 7n });
canvas.getContext("2d")!.putImageData(image, 0, 0);
await model.translate(new OffscreenCanvas(64, 64));
const again: Pixels = await model.translate(image);
console.log(again.data.length);
await model.translate({ width: 16, height: 16, data: new Uint8Array(1024) });
model.free();

// @ts-expect-error a seed is a number
await model.translate(image, { seed: "7" });
// @ts-expect-error the sizes are the model's own
model.width = 3;
// @ts-expect-error a model is an address or bytes
await load(7);
// @ts-expect-error dropout is on or off by a boolean
await model.translate(image, { dropout: "off" });
// @ts-expect-error no option has this name
await model.translate(image, { sed: 3 });
// @ts-expect-error pixels are bytes
await model.translate({ width: 16, height: 16, data: new Float32Array(1024) });
