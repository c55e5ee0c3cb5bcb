// The training that the server belongs to: its progress, curves, contact sheets and log, while it goes on.

import * as api from "./api.js";

const at = (id) => document.getElementById(id);

/** Time from an answer to the next request, in milliseconds. */
const LOOK = 2000;
/** Weight of the earlier points in a smoothed curve. */
const WEIGHT = 0.8;
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [320, 150, 44, 18];

const short = (value) => String(Number(value.toPrecision(3)));

/** A tick's label: as many decimals as the ticks' distance has. */
const tick = (value, gap) => value.toFixed(Math.max(0, -Math.floor(Math.log10(gap) + 1e-9)));

/** Round numbers from low to high: 1, 2 or 5 times a power of ten apart. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const gap = [1, 2, 5, 10].map((times) => times * power).find((gap) => gap >= rough);
  const found = [];
  for (let at = Math.ceil(low / gap - 1e-9); at * gap <= high + gap * 1e-9; at += 1) found.push(at * gap);
  return found;
}

function svg(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** An exponential moving average that begins at the first value. */
function smooth(values) {
  let [sum, share] = [0, 0];
  return values.map((value) => {
    sum = WEIGHT * sum + (1 - WEIGHT) * value;
    share = WEIGHT * share + (1 - WEIGHT);
    return sum / share;
  });
}

/** A figure with a curve; the value under the pointer stands in its caption. */
class Chart {
  constructor(title, isSmoothed) {
    [this.title, this.isSmoothed, this.points] = [title, isSmoothed, []];
    this.value = document.createElement("span");
    this.picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
    this.figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.append(title, this.value);
    this.figure.append(caption, this.picture);
    this.picture.addEventListener("pointermove", (event) => this.#read(event));
    this.picture.addEventListener("pointerleave", () => this.#tell(this.points.at(-1)));
  }

  #tell([step, value]) {
    this.value.textContent = `${short(value)} at step ${step.toLocaleString("en")}`;
  }

  #read(event) {
    const box = this.picture.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDTH;
    const nearest = (best, point) => (Math.abs(this.x(point[0]) - x) < Math.abs(this.x(best[0]) - x) ? point : best);
    this.#tell(this.points.reduce(nearest));
  }

  draw(points) {
    this.points = points;
    const [steps, values] = [0, 1].map((part) => points.map((point) => point[part]));
    const [first, last] = [steps[0], steps.at(-1)];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const marks = high > low ? ticks(low, high, 5) : [low];
    const named = marks.map((value) => (marks.length > 1 ? tick(value, marks[1] - marks[0]) : short(value)));
    // a digit is about 7 pixels wide
    const left = Math.max(LEFT, 8 + 7 * Math.max(0, ...named.map((text) => text.length)));
    const y = (value) => (high > low ? HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - BOTTOM - 8) : HEIGHT / 2);
    this.x = (step) => (last > first ? left + ((step - first) / (last - first)) * (WIDTH - left - 6) : (left + WIDTH) / 2);
    const line = (values, kind) =>
      svg("polyline", { class: kind, points: steps.map((step, i) => `${this.x(step).toFixed(1)},${y(values[i]).toFixed(1)}`).join(" ") });
    const label = (x, y, anchor, text) => svg("text", { x, y, "text-anchor": anchor }, text);
    const times = last > first ? ticks(first, last, 5) : [first];
    this.picture.replaceChildren(
      ...marks.flatMap((value, index) => [
        svg("line", { x1: left, x2: WIDTH - 6, y1: y(value), y2: y(value) }),
        label(left - 4, y(value) + 4, "end", named[index]),
      ]),
      ...times.filter(Number.isInteger).map((step) => label(Math.min(this.x(step), WIDTH - 20), HEIGHT - 3, "middle", step)),
      line(values, this.isSmoothed ? "raw" : "main"),
      ...(this.isSmoothed ? [line(smooth(values), "main")] : []),
      ...(points.length === 1 ? [svg("circle", { cx: this.x(first), cy: y(low), r: 3 })] : []),
    );
    this.picture.setAttribute("aria-label", `${this.title}, from ${short(values[0])} at step ${first} to ${short(values.at(-1))} at step ${last}`);
    if (!this.picture.matches(":hover")) this.#tell(points.at(-1));
  }
}

/** Charts by the keys of their curves. */
const charts = new Map();
let sheets = [];
let shown = null;
/** Ends the request for a sheet. */
let asking = new AbortController();

function tell({ run, step, steps, epoch, pace }) {
  const count = (number) => number.toLocaleString("en");
  const left = pace && steps ? Math.round((steps - step) / pace) : null;
  const [hours, minutes, seconds] = [left / 3600, (left % 3600) / 60, left % 60].map(Math.floor);
  const time = hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min ${seconds} s` : `${seconds} s`;
  const speed = left === null ? "" : `, ${short(pace)} steps/s, ${time} left`;
  // nobody knows yet how many steps fit into a length of time
  const all = steps === null ? "" : ` of ${count(steps)}`;
  at("progress").textContent = `${run}: step ${count(step)}${all}, epoch ${count(epoch)}${speed}`;
  if (steps === null) at("done").removeAttribute("value");
  else at("done").value = step / steps;
}

function draw(curves) {
  curves.forEach(({ key, title, noisy, points }, index) => {
    if (!charts.has(key)) {
      charts.set(key, new Chart(title, noisy));
      // in the order of the answer
      const later = curves.slice(index + 1).map(({ key }) => charts.get(key)?.figure);
      at("curves").insertBefore(charts.get(key).figure, later.find((figure) => figure) ?? null);
    }
    charts.get(key).draw(points);
  });
}

async function showSheet() {
  const step = sheets[Number(at("sheet").value)];
  at("sheet-is").textContent = step.toLocaleString("en");
  if (step === shown) return;
  shown = step;
  asking.abort();
  const own = (asking = new AbortController());
  const file = await api.sheet(step, own.signal).catch(() => null);
  if (own !== asking) return;
  if (file === null) {
    // the next look at the training asks for it again
    shown = null;
    return;
  }
  const picture = at("sheet-picture");
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(file);
  picture.alt = `Input, output and target of the same pairs at step ${step}`;
}

function list(found) {
  const slider = at("sheet");
  // whoever looks at an earlier one stays there
  const follows = slider.value === slider.max;
  sheets = found;
  at("samples").hidden = sheets.length === 0;
  if (sheets.length === 0) return;
  slider.max = sheets.length - 1;
  if (follows) slider.value = slider.max;
  showSheet();
}

function write(lines) {
  const log = at("log");
  const text = lines.map(({ time, text }) => `${new Date(time * 1000).toLocaleTimeString("en-GB")}  ${text}`).join("\n");
  if (log.textContent === text) return;
  // whoever reads an earlier line stays there
  const follows = log.scrollTop + log.clientHeight > log.scrollHeight - 20;
  log.textContent = text;
  if (follows) log.scrollTop = log.scrollHeight;
}

async function look() {
  try {
    const training = await api.training();
    at("training").hidden = false;
    tell(training);
    draw(training.curves);
    list(training.sheets);
    write(training.log);
  } catch (problem) {
    if (!(problem instanceof api.Problem)) at("progress").textContent = "The training has ended, or its server cannot be reached.";
  }
}

/** Looks again and again, each time a while after the last answer: a slow link has one request at a time. */
async function follow() {
  if (!document.hidden) await look();
  setTimeout(follow, LOOK);
}

/** Shows the training, and keeps it up to date. */
export function watch() {
  at("sheet").addEventListener("input", showSheet);
  follow();
}
