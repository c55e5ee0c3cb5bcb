// A link that holds what the page shows, the drawing included. Nothing is stored on the server: what stands behind # in an
// address is not even sent to it.

/** Longest drawing in a link, in characters: browsers and most programs that pass links on take as many. */
const LONGEST = 30000;

/** A file as text for an address. */
async function text(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function bytes(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/**
 * A link to a model, a seed, whether there is noise, and either an example's number or a drawing's PNG file. Returns the
 * link, and whether the picture is in it: a photograph has no room.
 */
export async function link({ model, seed, noise, example, drawing }) {
  const state = new URLSearchParams({ model, seed, noise: noise ? "on" : "off" });
  const picture = example === null ? await text(drawing) : null;
  const isWhole = picture === null || picture.length <= LONGEST;
  if (example !== null) state.set("example", example);
  else if (isWhole) state.set("drawing", picture);
  return { link: `${location.origin}${location.pathname}#${state}`, isWhole };
}

/** What the page's own link holds: { model, seed, noise, example, drawing }, each null where it says nothing. */
export async function read() {
  const state = new URLSearchParams(location.hash.slice(1));
  const number = (name, most) => {
    const value = Number.parseInt(state.get(name), 10);
    return value >= 0 && value <= most ? value : null;
  };
  let drawing = null;
  try {
    if (state.has("drawing")) drawing = await createImageBitmap(new Blob([bytes(state.get("drawing"))], { type: "image/png" }));
  } catch {
    // a link that was cut on its way
  }
  return {
    model: state.get("model"),
    seed: number("seed", 99),
    noise: state.has("noise") ? state.get("noise") === "on" : null,
    example: number("example", 99),
    drawing,
  };
}
