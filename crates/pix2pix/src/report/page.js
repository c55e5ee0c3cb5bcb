"use strict";
const $ = (id) => document.getElementById(id);
const make = (name, attributes = {}, text) => {
  const svg = ["svg", "path", "line", "text", "rect", "circle"].includes(name);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const short = (number) => number === null || number === undefined ? "-" : Number(number.toPrecision(4)).toString();
/** A number beside an axis, where there is little room, with the digits that tell it from its neighbors. */
const tick = (number, digits = 4) => {
  const rounded = Number(number.toPrecision(digits));
  return rounded !== 0 && Math.abs(rounded) < 0.001 ? rounded.toExponential() : rounded.toString();
};

/** The name of a measure, with its unit. */
const heading = ({ label, unit }) => unit === null ? label : `${label} (${unit})`;

// Shows a gallery in an element: a choice of the order and of the pictures' size, and of each picture its input, output, target
// and difference.
const showGallery = (place, gallery, chosen = 0, side = 130) => {
  const labels = ["input", "output", "target", "difference"];
  const shots = gallery.entries.reduce((most, entry) => Math.max(most, entry.pictures.length), 0);
  const list = make("div", { class: "gallery" });
  list.style.setProperty("--shots", shots);
  const cards = gallery.entries.map((entry) => {
    const card = make("article", { class: "card" });
    const pictures = make("div", { class: "shots" });
    entry.pictures.forEach((picture, index) => {
      const shot = make("div");
      shot.append(make("img", { src: picture, alt: `${labels[index]} of ${entry.name}`, decoding: "async" }), labels[index]);
      pictures.append(shot);
    });
    const scores = make("dl");
    for (const measure of gallery.measures) {
      const { key, digits } = measure;
      if (!(key in entry.scores)) continue;
      const row = make("div");
      const score = entry.scores[key];
      const shown = digits === null ? String(Number(score.toPrecision(4))) : score.toFixed(digits);
      row.append(make("dt", {}, heading(measure)), make("dd", {}, shown));
      scores.append(row);
    }
    card.append(make("h3", {}, entry.name), pictures);
    if (scores.childElementCount) card.append(scores);
    return { entry, card };
  });
  // in the order of names, or by a measure; pictures without it come last
  const orders = [["name", () => 0]];
  for (const measure of gallery.measures) {
    const { key, higher } = measure;
    for (const [end, sign] of [["worst", higher ? 1 : -1], ["best", higher ? -1 : 1]])
      orders.push([`${heading(measure)}, ${end} first`, (a, b) => {
        const [x, y] = [a, b].map(({ entry }) => entry.scores[key]);
        return x === undefined || y === undefined ? (x === undefined) - (y === undefined) : sign * (x - y);
      }]);
  }
  const order = make("select", { class: "order" });
  orders.forEach(([name], index) => order.append(make("option", { value: index }, name)));
  const sort = () => list.replaceChildren(...[...cards].sort(orders[Number(order.value)][1]).map(({ card }) => card));
  order.value = orders[chosen] ? chosen : 0;
  order.addEventListener("change", sort);
  const size = make("input", { class: "size", type: "range", min: 80, max: 320, step: 10, value: side });
  const resize = () => list.style.setProperty("--side", `${size.value}px`);
  size.addEventListener("input", resize);
  const controls = make("div", { class: "controls" });
  for (const [name, control] of [["Order", order], ["Size of the pictures", size]]) {
    const label = make("label", {}, name);
    label.append(control);
    controls.append(label);
  }
  place.append(make("p", {}, gallery.about), controls);
  if (shots === labels.length) {
    const legend = make("p", {}, gallery.classes ? "Difference: black for the right class, bright for another." : "Difference: none ");
    if (!gallery.classes)
      legend.append(make("span", { class: "scale" }), " half of the range or more, on average over the channels.");
    place.append(legend);
  }
  place.append(list);
  resize();
  sort();
};
