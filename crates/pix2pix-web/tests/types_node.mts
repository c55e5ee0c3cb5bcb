// A program for Node that tools/check_web has TypeScript check without the types of browsers.
import { load, type Pixels } from "pix2pix";

const model = await load("model.safetensors");
const image: Pixels = await model.translate({ width: 16, height: 16, data: Buffer.alloc(1024) });
console.log(image.width * image.height);

// @ts-expect-error a picture is no address
await model.translate("picture.png");
// @ts-expect-error a result has no such part
console.log(image.colorSpace);
