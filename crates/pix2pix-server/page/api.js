// Calls of the server's API.

/** An error response of the server (RFC 9457). */
export class Problem extends Error {
  constructor(status, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const TOKEN = "pix2pix-token";
let token = null;
try {
  token = sessionStorage.getItem(TOKEN);
} catch {
  // in another site's frame, a browser may keep nothing
}

export function keepToken(given) {
  token = given;
  try {
    sessionStorage.setItem(TOKEN, token);
  } catch {
    // until the page is closed
  }
}

async function call(path, options = {}) {
  const headers = { ...options.headers };
  // no server's token has what no header can carry: without it, the server asks again
  if (/^[\x20-\x7e]+$/.test(token ?? "")) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(path, { ...options, headers });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Problem(answer.status, problem.detail ?? answer.statusText, problem.retry_after);
}

/** The models, and whether the server belongs to a training: { models, training }. */
export async function models() {
  return (await call("v1/models")).json();
}

export async function training() {
  return (await call("v1/training")).json();
}

/** The file of a step's contact sheet. */
export async function sheet(step) {
  return (await call(`v1/training/sheets/${step}`)).blob();
}

/**
 * A picture file of any format, rendered as the model takes it, whose sources are label maps or not, and how it is unlike those of
 * training: { picture, note }.
 */
export async function preview(file, model, isOfClasses) {
  const query = new URLSearchParams({ model });
  const answer = await call(`v1/preview?${query}`, { method: "POST", body: file });
  const clipped = answer.headers.get("pix2pix-clipped");
  const notes = [
    answer.headers.get("pix2pix-note"),
    clipped &&
      (isOfClasses
        ? `${clipped} of its pixels have a color that no class has, and became the nearest class`
        : `${clipped} of its values lie outside of the model's range and are clipped`),
  ];
  const note = notes.filter(Boolean).join("; ");
  return { picture: await createImageBitmap(await answer.blob()), note };
}

export async function example(model, index) {
  const path = `v1/models/${encodeURIComponent(model)}/examples/${index}`;
  return createImageBitmap(await (await call(path)).blob());
}

/**
 * Translates a picture file. Options: model, seed, dropout; format and display as in the API.
 * Returns the result's file, and the translation time in milliseconds.
 */
export async function translate(file, { model, seed, dropout, format = "png", display = false }) {
  const on = (is) => (is ? "on" : "off");
  const query = new URLSearchParams({ model, seed, dropout: on(dropout), format, display: on(display) });
  const answer = await call(`v1/translate?${query}`, { method: "POST", body: file });
  const took = /dur=([\d.]+)/.exec(answer.headers.get("server-timing") ?? "");
  return { file: await answer.blob(), took: took ? Number(took[1]) : null };
}
