// Calls of the server's API.

/** An error response of the server (RFC 9457). */
export class Problem extends Error {
  constructor(status, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** What statuses mean that a proxy answers without words for people. */
const WORDS = {
  403: "Access is refused.",
  413: "This file is larger than the server takes.",
  429: "These are more requests than the server takes.",
  503: "The server is busy.",
};
/** Longest wait for an answer that takes no work, in milliseconds: a server that hangs is like none. */
const PATIENCE = 20000;
/** Longest wait for one that takes work, or is long: on its way through a proxy or another network, an answer may get lost. */
const LONG_PATIENCE = 60000;

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
  const words = WORDS[answer.status] ?? `The server answers with status ${answer.status}.`;
  throw new Problem(answer.status, problem?.detail ?? words, problem?.retry_after);
}

/** The models, and whether the server belongs to a training: { models, training }. */
export async function models() {
  return (await call("v1/models", { signal: AbortSignal.timeout(PATIENCE) })).json();
}

export async function training() {
  return (await call("v1/training", { signal: AbortSignal.timeout(PATIENCE) })).json();
}

/** The file of a step's contact sheet; `signal` ends the request for one that is no longer looked at. */
export async function sheet(step, signal) {
  return (await call(`v1/training/sheets/${step}`, { signal: AbortSignal.any([signal, AbortSignal.timeout(LONG_PATIENCE)]) })).blob();
}

/**
 * A picture file of any format, rendered as the model takes it, whose sources are label maps or not, and how it is unlike those of
 * training: { picture, note }.
 */
export async function preview(file, model, isOfClasses) {
  const query = new URLSearchParams({ model });
  const answer = await call(`v1/preview?${query}`, { method: "POST", body: file, signal: AbortSignal.timeout(LONG_PATIENCE) });
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
  return createImageBitmap(await (await call(path, { signal: AbortSignal.timeout(LONG_PATIENCE) })).blob());
}

/** Longest wait for a translation: twice as long after each that got no answer, as the server may be slow. */
let patience = LONG_PATIENCE;

/**
 * Translates a picture file. Options: model, seed, dropout; format and display as in the API.
 * Returns the result's file, the translation time in milliseconds, and the model's step.
 */
export async function translate(file, { model, seed, dropout, format = "png", display = false }) {
  const on = (is) => (is ? "on" : "off");
  const query = new URLSearchParams({ model, seed, dropout: on(dropout), format, display: on(display) });
  try {
    const answer = await call(`v1/translate?${query}`, { method: "POST", body: file, signal: AbortSignal.timeout(patience) });
    const took = /dur=([\d.]+)/.exec(answer.headers.get("server-timing") ?? "");
    const step = Number(answer.headers.get("pix2pix-step"));
    const result = { file: await answer.blob(), took: took ? Number(took[1]) : null, step };
    patience = LONG_PATIENCE;
    return result;
  } catch (problem) {
    if (problem.name === "TimeoutError") patience *= 2;
    throw problem;
  }
}
