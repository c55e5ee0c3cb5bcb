// Runs the model beside the page, so that the page answers while it computes.

import { load } from "./engine/index.js";

/** The newest model, or its download: { address, model }. */
let kept = { address: null, model: null };

function modelOf(address) {
  if (kept.address !== address) {
    kept.model?.then((model) => model.free(), () => {});
    const onProgress = (loaded, total) => postMessage({ loading: { loaded, total } });
    kept = { address, model: load(address, { onProgress, cache: "pix2pix" }) };
  }
  return kept.model;
}

addEventListener("message", async ({ data: { address, picture, options } }) => {
  try {
    const model = await modelOf(address);
    const start = performance.now();
    const { data } = await model.translate(picture, options);
    postMessage({ picture: data, took: performance.now() - start }, [data.buffer]);
  } catch (problem) {
    // the next request loads it again
    kept = { address: null, model: null };
    postMessage({ problem: problem.message });
  }
});
