// The page's controls.

import * as api from "./api.js";
import { Board } from "./board.js";
import { Camera } from "./camera.js";
import { Comparison } from "./comparison.js";
import * as share from "./share.js";
import { watch } from "./training.js";

const at = (id) => document.getElementById(id);
// scripts run
at("early").remove();

/** Palette for models that have none of their own. */
const COLORS = ["#ffffff", "#000000", "#808080", "#c0392b", "#e67e22", "#f1c40f", "#27ae60", "#2980b9", "#8e44ad"];
/** Shortest time between two requests while drawing, in milliseconds. */
const PAUSE = 100;
/** Time between two updates of the list of models, in milliseconds: training may have saved a new checkpoint. */
const LOOK = 5000;
/** Seconds until a request is sent again that nobody has answered, or the next picture of a camera after one that failed. */
const AGAIN = 3;

const board = new Board(at("board"), at("pencil"));
const camera = new Camera();
const comparison = new Comparison(at("output"), at("overlay"), at("compare"));
const hasDetails = document.body.dataset.details === "shown";
let models = [];
let model = null;
/** What the page was opened with, until it is on the board: see share.js. */
let linked = await share.read();
/** Counts what was last asked to be on the board: a picture that is opened shows nothing if something else was asked for meanwhile. */
let turn = 0;
/** What the output was made from, and its file: { model, drawing, options, file }. */
let result = null;

/** What stands before the status, until another model or picture is chosen. */
let notice = "";
/** Whether the first picture of a model is on its way to the board: the empty board is not translated before it. */
let isAwaited = false;

// What the board's tag may have: `example`, its number; `opened`, the file that was opened; `note`, how that one is unlike those of
// training; `file`, one of the board's own size whose values the board cannot hold; `whole`, a picture before the board scaled it.

// translate after every change: one request at a time, then the newest drawing
let dirty = false;
let busy = false;
let timer = null;

function changed() {
  if (model === null || isAwaited) return;
  dirty = true;
  outdated("updating…");
  timer ??= setTimeout(send, PAUSE);
}

/** Translates what is on the board, as nothing else comes. */
function begin() {
  if (!isAwaited) return;
  isAwaited = false;
  changed();
}

/** Marks the output as older than the board, or as up to date if there is nothing to say. */
function outdated(text) {
  at("age").textContent = text;
  at("age").hidden = text === "";
  at("comparison").classList.toggle("stale", text !== "");
}

/** Shows that the page waits for the server. */
function waiting(is) {
  at("wait").hidden = !is;
  at("comparison").setAttribute("aria-busy", String(is));
}

async function send() {
  timer = null;
  if (busy || !dirty || model === null || isAwaited) return;
  const { file } = board.tag;
  if (!model.drawable && !file) {
    dirty = false;
    outdated("");
    waiting(false);
    return;
  }
  [busy, dirty] = [true, false];
  const asked = model;
  let wait = 0;
  waiting(!camera.isOn);
  let input = null;
  try {
    input = await createImageBitmap(board.canvas);
    const options = { model: asked.name, seed: at("seed").value, dropout: at("dropout").checked };
    const drawing = file ?? (await board.file());
    const answer = await api.translate(drawing, { ...options, display: !asked.plain });
    // ignore the result if another model was chosen meanwhile
    if (asked.name === model.name) {
      const output = await createImageBitmap(answer.file);
      comparison.show(input, output);
      output.close();
      const { file: made, took, step = asked.step } = answer;
      const told = hasDetails ? `Step ${count(step)}, ${Math.round(took)} ms` : "";
      result = { model: asked, drawing, options, file: made, step, told };
      at("download").disabled = at("download-both").disabled = false;
      outdated("");
      say(told);
    }
  } catch (problem) {
    wait = report(problem);
    // the next picture of a camera would come at once
    if (camera.isOn && wait === 0) wait = AGAIN;
    outdated(wait > 0 ? "out of date, waiting…" : "out of date");
  }
  // a camera's pictures would fill the memory until somebody collects them
  input?.close();
  busy = false;
  if (camera.isOn && wait === 0) {
    // the next picture at once: the model sets the pace
    requestAnimationFrame(() => film(false));
    return;
  }
  if (wait > 0) dirty = true;
  waiting(dirty);
  // a new result is seen as it is before it is older than the board again
  if (dirty && wait === 0) requestAnimationFrame(() => dirty && outdated("updating…"));
  if (dirty) timer ??= setTimeout(send, Math.max(wait * 1000, PAUSE));
}

/** A number as text. */
const count = (number) => number.toLocaleString("en");

function say(text) {
  const told = notice + (board.tag.note ?? "") + text;
  // a screen reader reads again what is written again
  if (at("status").textContent !== told) at("status").textContent = told;
}

/** Whether the status says that the server does not respond. */
let isAway = false;

/** Shows an error; returns the seconds to wait before trying again, or 0 for no retry. */
function report(problem) {
  if (problem.status === 401) shut();
  // a proxy in front of a server that does not respond says so with a status
  isAway = !problem.status || [502, 504].includes(problem.status);
  // the server's own words are for programs
  const words = problem.status === 401 ? "Enter the access token." : problem.message;
  say(isAway ? "The server does not respond." : words);
  return [429, 503].includes(problem.status) ? (problem.retryAfter ?? 1) : isAway ? AGAIN : 0;
}

// models

/** Asks for the token. Whoever draws goes on drawing. */
function shut() {
  if (!at("door").hidden) return;
  at("door").hidden = false;
  document.body.classList.toggle("shut", model === null);
  // in a frame, the page around it has the focus
  if (model === null && window === top) at("token").focus();
}

let isWatching = false;

/** Brings the list of models up to date; returns the problem if there is one. */
async function look() {
  try {
    const found = await api.models();
    models = found.models;
    if (found.training && !isWatching) {
      isWatching = true;
      watch();
    }
  } catch (problem) {
    report(problem);
    return problem;
  }
  const wasShut = !at("door").hidden;
  at("door").hidden = true;
  document.body.classList.remove("shut");
  if (wasShut || isAway) {
    isAway = false;
    say(result?.told ?? "");
  }
  // the drawing that was refused with an old token
  if (wasShut && !at("age").hidden) changed();
  if (models.length === 0) {
    say("No model yet: waiting for the first checkpoint of the training.");
    return null;
  }
  const picker = at("model");
  const names = models.map((each) => each.name);
  if ([...picker.options].map((option) => option.value).join("\n") !== names.join("\n")) {
    picker.replaceChildren(...names.map((name) => Object.assign(new Option(name, name), { dir: "auto" })));
    at("choice").hidden = names.length === 1 && !hasDetails;
    if (names.includes(linked.model)) picker.value = linked.model;
    else if (linked.model !== null) {
      notice = `The link is for the model ${linked.model}, which is not here. `;
      linked.example = null;
    }
  }
  const before = model;
  const now = models.find((each) => each.name === picker.value) ?? models[0];
  if (before?.name !== now.name) {
    choose(now);
  } else if (before.digest !== now.digest) {
    renew(now);
  }
  return null;
}

/** Looks again and again, each time a while after the last answer: a slow link has one request at a time. */
async function follow() {
  if (!document.hidden) await look();
  setTimeout(follow, LOOK);
}

/** Takes what has been loaded in place of the chosen model, and keeps the drawing. */
function renew(next) {
  const ofBoard = ({ size, palette, classes, examples, plain_source, drawable, source }) =>
    JSON.stringify([size, palette, classes, examples, plain_source, drawable, source]);
  if (ofBoard(next) === ofBoard(model)) {
    model = next;
    describe();
    changed();
    return;
  }
  linked.drawing = isAwaited ? null : board.copy();
  choose(next);
}

function describe() {
  const [width, height] = model.size;
  const step = model.step > 0 ? `step ${count(model.step)}` : "imported";
  at("about").textContent = `${model.network}, ${count(model.parameters)} parameters, ${width}x${height} pixels, ${step}`;
  at("summary").textContent = model.summary;
}

function choose(next) {
  model = next;
  turn += 1;
  describe();
  takeInputs();
  showPalette(model.palette.length > 0 ? model.palette : COLORS);
  result = null;
  at("download").disabled = at("download-both").disabled = true;
  resize(...model.size);
  say("");
  outdated("updating…");
  isAwaited = !camera.isOn;
  waiting(isAwaited);
  showExamples();
  if (linked.drawing !== null && model.drawable && !camera.isOn) board.show(linked.drawing, { whole: linked.drawing });
  linked.drawing = null;
  // nothing comes where a camera is on
  changed();
}

/** Empties board and output, and sets their size. */
function resize(width, height) {
  for (const each of [board, comparison]) each.reset(width, height);
  document.body.style.setProperty("--ratio", width / height);
  document.body.classList.toggle("tall", width < height);
  offerUndo();
}

/** Offers the inputs that the chosen model can have: of other channels than a drawing has, only files, which the board shows. */
function takeInputs() {
  document.body.dataset.input = model.drawable ? "board" : "files";
  board.canvas.inert = !model.drawable;
  board.ofClasses = model.classes.length > 0;
  at("other").hidden = board.ofClasses;
  // what a camera sees has other colors than those of classes
  at("camera").hidden = board.ofClasses;
  at("how").textContent = model.drawable ? "Draw, or open a picture: the output follows." : "Open a picture: the output follows.";
  at("hint").textContent = model.drawable
    ? "or drop or paste a picture"
    : `or drop it: a file of ${model.source}, such as TIFF or npy, which cannot be drawn here`;
  if (camera.isOn && !canFilm()) stopCamera();
}

/** Whether the chosen model takes what a camera sees. */
const canFilm = () => model.drawable && !board.ofClasses;

/** Whether two models take the same pictures. */
function isAlike(one, other) {
  const taken = ({ drawable, source, classes, palette }) => JSON.stringify([drawable, source, classes, classes.length > 0 && palette]);
  return taken(one) === taken(other);
}

at("model").addEventListener("change", () => {
  notice = "";
  const next = models.find((each) => each.name === at("model").value);
  const { example, opened, whole } = board.tag;
  const stays = isAlike(model, next);
  // what is compared is two models of one picture
  if (stays && example !== undefined) linked.example = String(model.examples) === String(next.examples) ? example : null;
  else if (stays && board.canUndo) linked.drawing = whole ?? board.copy();
  choose(next);
  if (stays && opened) open(opened);
});

/** Counts the calls of `showExamples`: of two that overlap, the later one counts. */
let shownExamples = 0;

/** Shows the model's examples, and puts one of them on the board if nothing else is asked for: an empty one shows little of a model. */
async function showExamples() {
  shownExamples += 1;
  const [own, asked, { name, examples }] = [shownExamples, turn, model];
  // a link's number is that of its own model
  const first = examples[linked.example] === undefined ? 0 : linked.example;
  linked.example = null;
  at("examples").replaceChildren();
  const load = (index) => api.example(name, index).catch(() => null);
  // on a slow link, the one that is shown has the link for itself
  const picture = examples.length > 0 ? await load(first) : null;
  if (own !== shownExamples) return;
  if (asked === turn) {
    if (picture !== null && isAwaited) board.show(picture, { example: first });
    begin();
  }
  const pictures = examples.map((_, index) => (index === first ? picture : load(index)));
  for (const [index, loading] of pictures.entries()) {
    const loaded = await loading;
    if (own !== shownExamples) return;
    if (loaded !== null) at("examples").append(exampleButton(loaded, index, examples[index]));
  }
}

function exampleButton(picture, index, name) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").drawImage(picture, 0, 0);
  const image = Object.assign(new Image(), { src: canvas.toDataURL(), alt: `Example ${name}` });
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.append(image);
  button.addEventListener("click", () => {
    notice = "";
    turn += 1;
    board.show(picture, { example: index });
  });
  return button;
}

// colors and tools

/** Makes a group of buttons a radio group: a click or the arrow keys choose one. */
function radio(group, choose) {
  group.addEventListener("click", (event) => {
    const button = event.target.closest("[role=radio]");
    if (button) choose(button);
  });
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const buttons = [...group.children];
    const index = buttons.indexOf(event.target);
    if (!step || index < 0) return;
    event.preventDefault();
    const next = buttons[(index + step + buttons.length) % buttons.length];
    next.focus();
    choose(next);
  });
}

function check(group, chosen) {
  for (const button of group.children) {
    button.setAttribute("aria-checked", String(button === chosen));
    button.tabIndex = button === chosen ? 0 : -1;
  }
}

function useTool(button) {
  check(at("tools"), button);
  board.tool = button.dataset.tool;
}

function useColor(color) {
  board.color = color;
  at("color").value = color;
  const swatches = [...at("palette").children];
  const chosen = swatches.find((swatch) => swatch.dataset.color === color);
  check(at("palette"), chosen);
  if (!chosen && swatches.length > 0) swatches[0].tabIndex = 0;
  if (board.tool === "eraser") useTool(at("tools").children[0]);
}

function showPalette(colors) {
  const swatch = (color, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "swatch";
    button.dataset.color = color;
    button.style.background = color;
    button.setAttribute("role", "radio");
    const name = model.classes[index] ?? `Color ${color}`;
    button.setAttribute("aria-label", name);
    button.title = name;
    button.dir = "auto";
    return button;
  };
  at("palette").replaceChildren(...colors.map(swatch));
  board.background = colors[0];
  // the frequent levels of a camera are dark alike: one that is seen on them
  useColor(model.plain_source ? (colors[1] ?? colors[0]) : colors.at(-1));
}

function useSize(size) {
  board.size = Math.min(64, Math.max(1, size));
  at("size").value = board.size;
  at("size-is").textContent = board.size;
}

function useSeed(seed) {
  at("seed").value = seed;
  at("seed-is").textContent = seed;
  changed();
}

const another = () => useSeed((Number(at("seed").value) + 1) % 100);

radio(at("tools"), useTool);
radio(at("palette"), (button) => useColor(button.dataset.color));
at("color").addEventListener("input", () => useColor(at("color").value));
at("size").addEventListener("input", () => useSize(Number(at("size").value)));
at("seed").addEventListener("input", () => useSeed(at("seed").value));

/** Without noise, all variations are the same. */
function useNoise(is) {
  at("dropout").checked = is;
  at("seed").disabled = at("again").disabled = !is;
  changed();
}

at("dropout").addEventListener("change", () => useNoise(at("dropout").checked));
at("again").addEventListener("click", another);
at("undo").addEventListener("click", () => board.undo());
at("redo").addEventListener("click", () => board.redo());
at("clear").addEventListener("click", () => {
  notice = "";
  turn += 1;
  board.clear();
});
board.addEventListener("change", () => {
  isAwaited = false;
  // its next picture would be over what came on the board
  if (camera.isOn) stopCamera();
  offerUndo();
  changed();
});

function offerUndo() {
  at("undo").disabled = !board.canUndo;
  at("redo").disabled = !board.canRedo;
}

/** Where keys without Ctrl are shortcuts: elsewhere, whoever types or speaks words would draw (WCAG 2.2, success criterion 2.1.4). */
const LISTENING = "#board, .dock, #variation";

/** What a key would be on an English keyboard, where its own sign is of another script or stands in the place of a digit. */
function english({ key, code, shiftKey }) {
  if (key.length === 1 && !/[\p{ASCII}\p{Script=Latin}]/u.test(key)) {
    return { BracketLeft: "[", BracketRight: "]" }[code] ?? code.replace("Key", "").toLowerCase();
  }
  const isDigit = /^Digit\d$/.test(code) && !shiftKey && !"[]".includes(key);
  return isDigit ? code.at(-1) : key.toLowerCase();
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input:not([type=range], [type=checkbox]), select")) return;
  // where a key has a third sign, Windows says Ctrl and Alt of the key that asks for it
  const isThird = event.getModifierState("AltGraph") || event.altKey;
  const isCommand = (event.ctrlKey || event.metaKey) && !isThird;
  if (!isCommand && !event.target.closest(LISTENING)) return;
  const key = english(event);
  if (!model?.drawable && key !== "n") return;
  const tool = { b: 0, f: 1, e: 2 }[key];
  if (isCommand) {
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) board.redo();
    else board.undo();
  } else if (key === "[" || key === "]") {
    useSize(board.size + (key === "]" ? 2 : -2));
  } else if (isThird) {
    return;
  } else if (tool !== undefined) {
    useTool(at("tools").children[tool]);
  } else if (key === "n" && at("dropout").checked) {
    another();
  } else if (key >= "1" && key <= "9") {
    const swatch = at("palette").children[Number(key) - 1];
    if (swatch) useColor(swatch.dataset.color);
  }
});

// opening and saving pictures

/** Whether a file's bytes are a PNG of 16 bits, of which browsers keep 8 without a word. */
function isDeep(bytes) {
  const head = new Uint8Array(bytes.slice(0, 25));
  return String.fromCharCode(...head.slice(1, 4)) === "PNG" && head[24] === 16;
}

/** What is told of a picture with transparency. */
const SEEN_THROUGH = "its transparent parts have the color of the empty board";

/**
 * A picture file as a model takes it, and how it is unlike those of training: { picture, note, file }, with the file that holds
 * more values than the picture, or null. Null if nothing can open it yet.
 */
async function rendered(file, bytes, asked) {
  const decoded = () => (isDeep(bytes) ? null : createImageBitmap(file).catch(() => null));
  // browsers show the values of a camera nearly black, and open neither TIFF nor npy: then the server renders the file
  const isPlain = asked === null || (asked.plain_source && asked.drawable);
  const preview = (file) => api.preview(file, asked.name, board.ofClasses);
  const picture = isPlain ? await decoded() : null;
  if (picture !== null) return { picture, note: board.seesThrough(picture) ? SEEN_THROUGH : "", file: null };
  if (asked === null) return null;
  try {
    return { ...(await preview(file)), file: isPlain ? null : file };
  } catch (problem) {
    // the board has room for less than the server takes, and the browser may know a format that the server does not
    const own = [413, 422].includes(problem.status) && asked.drawable ? await decoded() : null;
    if (own === null) throw problem;
    const [fitted, seen] = [await board.fitted(own), board.seesThrough(own) ? SEEN_THROUGH : ""];
    own.close();
    const { picture, note } = await preview(fitted);
    return { picture, note: [seen, note].filter(Boolean).join("; "), file: null };
  }
}

async function open(given) {
  turn += 1;
  const own = turn;
  try {
    await put(given, () => own === turn);
  } catch (problem) {
    if (own === turn) report(problem);
  }
  if (own === turn) begin();
}

/** Puts a picture file on the board, unless something else has been asked for meanwhile. */
async function put(given, isNewest) {
  const asked = model;
  // read once: what is translated later is this picture, whatever becomes of the file
  const bytes = await given.arrayBuffer().catch(() => null);
  if (bytes === null) {
    if (isNewest()) say(`${given.name} cannot be read: it is a folder, was moved, is too large, or you have no permission.`);
    return;
  }
  const file = new File([bytes], given.name, { type: given.type });
  const found = await rendered(file, bytes, asked);
  if (!isNewest()) return;
  if (found === null) {
    say(`The browser cannot open ${given.name}.`);
    return;
  }
  const { picture, note } = found;
  notice = "";
  // only the file itself can be translated, in its own size
  if (asked?.drawable === false) resize(picture.width, picture.height);
  // of the board's own size, it is translated with all its levels
  const isWhole = picture.width === board.canvas.width && picture.height === board.canvas.height;
  const values = isWhole && !board.ofClasses ? found.file : null;
  board.show(picture, { opened: file, note: note && `The picture: ${note}. `, file: values });
  picture.close();
}

at("file").addEventListener("change", () => {
  if (at("file").files.length > 0) open(at("file").files[0]);
  at("file").value = "";
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const { files, types } = event.dataTransfer;
  if (files.length > 0) open(files[0]);
  // another site's picture comes as its address, from which this page may read nothing
  else if (types.includes("text/uri-list")) say("This is an address and no file: save the picture, and open its file.");
});
document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  // with a picture, programs copy other forms of it; browsers know no type of npy
  const file = files.find((each) => each.type.startsWith("image/")) ?? files[0];
  if (file) open(file);
});

// the camera

/** Translates the camera's newest picture. */
function film(isFirst) {
  if (!camera.isOn) return;
  isAwaited = false;
  board.cover(camera.picture, isFirst);
  if (isFirst) offerUndo();
  dirty = true;
  send();
}

function stopCamera() {
  camera.stop();
  at("camera").setAttribute("aria-pressed", "false");
  changed();
}

/** Whether the camera has been asked for, and is not there yet. */
let isStarting = false;

at("camera").addEventListener("click", async () => {
  if (isStarting) return;
  if (camera.isOn) {
    stopCamera();
    return;
  }
  isStarting = true;
  try {
    await camera.start(stopCamera);
    at("camera").setAttribute("aria-pressed", "true");
    // a model may have been chosen meanwhile that takes other pictures
    if (model !== null && !canFilm()) {
      stopCamera();
    } else {
      notice = "";
      turn += 1;
      film(true);
    }
  } catch (problem) {
    camera.stop();
    say(problem.message);
  }
  isStarting = false;
});

// saving and sharing

function save(file, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

at("download").addEventListener("click", async () => {
  const { model: made, drawing, options, ...shown } = result;
  const { name, format, plain } = made;
  try {
    // what is shown of deep pictures is a rendering: get their values
    const { file, step } = plain ? shown : await api.translate(drawing, { ...options, format });
    save(file, `${name}.${format}`);
    if (step !== shown.step) say(`The file is of step ${count(step)}: the model has been loaded again since this picture.`);
  } catch (problem) {
    report(problem);
  }
});
at("download-both").addEventListener("click", async () => save(await comparison.file(), `${result.model.name}-both.png`));

at("share").addEventListener("click", async () => {
  if (model === null) return;
  const state = { model: model.name, seed: at("seed").value, noise: at("dropout").checked, example: board.tag.example ?? null };
  const { link, isWhole } = await share.link({ ...state, drawing: await board.file() });
  const field = at("link");
  [field.value, field.hidden] = [link, false];
  field.select();
  const isCopied = await navigator.clipboard?.writeText(link).then(() => true, () => false);
  const what = isWhole
    ? "It holds the picture itself; the server keeps nothing."
    : "This picture is too large for it: it holds the model and the variation only.";
  say(`${isCopied ? "The link is copied" : "Copy the link"}. ${what}`);
});

at("door").addEventListener("submit", async (event) => {
  event.preventDefault();
  at("wrong").textContent = "";
  // no token begins or ends with a space, which comes with a copy
  api.keepToken(at("token").value.trim());
  const problem = await look();
  const isWrong = problem?.status === 401;
  at("token").setAttribute("aria-invalid", String(isWrong));
  if (!isWrong) return;
  at("wrong").textContent = "This token is not accepted.";
  at("token").focus();
  at("token").select();
});

useSize(12);
useNoise(linked.noise ?? true);
useSeed(linked.seed ?? 0);
follow();
// another link of this page
addEventListener("hashchange", () => location.reload());
