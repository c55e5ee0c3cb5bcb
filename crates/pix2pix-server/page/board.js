// The drawing board, for mouse, pen, finger and keyboard.

const STEPS_BACK = 40;

/** A picture of this size, halved until it is less than three times as large as `w` x `h`: canvases that shrink more at once skip pixels. */
function halved(picture, [width, height], [w, h]) {
  while (width >= 3 * w || height >= 3 * h) {
    const half = new OffscreenCanvas(Math.ceil(width / 2), Math.ceil(height / 2));
    [width, height] = [half.width, half.height];
    half.getContext("2d").drawImage(picture, 0, 0, width, height);
    picture = half;
  }
  return picture;
}

/** A color as it is in the pixels of a canvas. */
function pixel(color) {
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return new Uint32Array(context.getImageData(0, 0, 1, 1).data.buffer)[0];
}

export class Board extends EventTarget {
  #canvas;
  #context;
  #pencil;
  #past = [];
  #future = [];
  /** The mouse, pen or finger that draws, and its last place: { id, place }. */
  #pointer = null;
  /** The place of the keyboard's brush, and whether it is down. */
  #cursor = null;
  #isDown = false;
  /** Whether the colors are those of classes, which are never mixed: between two of them may be a third one. */
  ofClasses = false;
  tool = "brush";
  color = "#000000";
  background = "#ffffff";
  size = 12;
  /** What its user knows of the picture on it, and finds here again after undo and redo; `{}` once something is drawn. */
  tag = {};

  /** `pencil` is the element that shows the position of the keyboard's brush. */
  constructor(canvas, pencil) {
    super();
    this.#canvas = canvas;
    this.#pencil = pencil;
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "lostpointercapture"]) canvas.addEventListener(name, (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.#cancel(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#take(false));
  }

  get canvas() {
    return this.#canvas;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** Empties the board, sets its size in pixels, and forgets the undo history, without an event. */
  reset(width, height) {
    [this.#canvas.width, this.#canvas.height] = [width, height];
    [this.#past, this.#future, this.#pointer, this.#cursor, this.#isDown] = [[], [], null, null, false];
    this.#wipe();
  }

  clear() {
    if (!this.#isEmpty()) this.#remember();
    this.#wipe();
    this.#changed();
  }

  /** Draws a picture on the board, scaled to fit and centered, with its tag. */
  show(picture, tag) {
    this.#remember();
    this.#wipe();
    const { width, height } = this.#canvas;
    const [w, h] = this.#fitting(picture);
    const place = [Math.floor((width - w) / 2), Math.floor((height - h) / 2), w, h];
    this.#draw(this.#context, picture, [picture.width, picture.height], place);
    this.tag = tag;
    this.#changed();
  }

  /**
   * A file of a picture in the size and before the background of the board. A JPEG, as a canvas gives PNG a fourth channel; but not
   * of classes.
   */
  fitted(picture) {
    const [w, h] = this.#fitting(picture);
    const canvas = new OffscreenCanvas(w, h);
    const context = canvas.getContext("2d");
    context.fillStyle = this.background;
    context.fillRect(0, 0, w, h);
    this.#draw(context, picture, [picture.width, picture.height], [0, 0, w, h]);
    return canvas.convertToBlob(this.ofClasses ? {} : { type: "image/jpeg", quality: 1 });
  }

  /** Covers the board with a camera's picture, cut at the edges: { image, width, height }. Undo knows the first of a film. */
  cover({ image, width: w, height: h }, isFirst) {
    if (isFirst) this.#remember();
    const { width, height } = this.#canvas;
    const scale = Math.max(width / w, height / h);
    this.tag = {};
    this.#draw(this.#context, image, [w, h], [(width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale]);
  }

  undo() {
    this.#exchange(this.#past, this.#future);
  }

  redo() {
    this.#exchange(this.#future, this.#past);
  }

  /** The drawing as a picture that stays as it is. */
  copy() {
    const copy = new OffscreenCanvas(this.#canvas.width, this.#canvas.height);
    copy.getContext("2d").drawImage(this.#canvas, 0, 0);
    return copy;
  }

  /** The drawing as a PNG file. */
  file() {
    return new Promise((done) => this.#canvas.toBlob(done, "image/png"));
  }

  /** Whether a picture has parts through which the board is seen. */
  seesThrough(picture) {
    const [w, h] = this.#fitting(picture);
    const context = new OffscreenCanvas(w, h).getContext("2d", { willReadFrequently: true });
    this.#draw(context, picture, [picture.width, picture.height], [0, 0, w, h]);
    return context.getImageData(0, 0, w, h).data.some((value, index) => index % 4 === 3 && value < 255);
  }

  /** The size in which a picture fits: in whole pixels, so that its edges are not mixed with the background. */
  #fitting({ width, height }) {
    const scale = Math.min(this.#canvas.width / width, this.#canvas.height / height);
    return [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  }

  /** Draws a picture of this size into a box. */
  #draw(context, picture, size, [left, top, w, h]) {
    context.imageSmoothingEnabled = !this.ofClasses;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.ofClasses ? picture : halved(picture, size, [w, h]), left, top, w, h);
  }

  #wipe() {
    this.#context.fillStyle = this.background;
    this.#context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.tag = {};
  }

  #pixels() {
    return this.#context.getImageData(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /** Whether there is nothing to clear. */
  #isEmpty() {
    const empty = pixel(this.background);
    return Object.keys(this.tag).length === 0 && new Uint32Array(this.#pixels().data.buffer).every((one) => one === empty);
  }

  /** What undo and redo bring back. */
  #step() {
    return { pixels: this.#pixels(), tag: this.tag };
  }

  /** Ends the stroke that is being drawn: what comes after another change would be undone with nothing. */
  #end() {
    this.#pointer = null;
    this.#take(false);
  }

  #remember() {
    this.#end();
    this.#past.push(this.#step());
    if (this.#past.length > STEPS_BACK) this.#past.shift();
    this.#future = [];
  }

  #exchange(from, to) {
    if (from.length === 0) return;
    this.#end();
    to.push(this.#step());
    const { pixels, tag } = from.pop();
    this.#context.putImageData(pixels, 0, 0);
    this.tag = tag;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * this.#canvas.width) / box.width,
      ((event.clientY - box.top) * this.#canvas.height) / box.height,
    ];
  }

  #down(event) {
    const isOther = this.#pointer !== null && this.#pointer.id !== event.pointerId;
    if (event.button !== 0 || !event.isPrimary || isOther) return;
    this.#canvas.setPointerCapture(event.pointerId);
    const place = this.#place(event);
    if (this.tool === "fill") {
      this.#fill(place);
      return;
    }
    this.#remember();
    this.#pointer = { id: event.pointerId, place };
    this.#stroke(place, place);
  }

  #move(event) {
    if (event.pointerId !== this.#pointer?.id) return;
    // use all positions between two frames, so that fast strokes stay smooth
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length > 0 ? events : [event]) {
      const place = this.#place(each);
      this.#stroke(this.#pointer.place, place);
      this.#pointer.place = place;
    }
  }

  #up(event) {
    if (event.pointerId === this.#pointer?.id) this.#pointer = null;
  }

  /** Takes a stroke back that was none: a second finger came, and the two zoom the page. */
  #cancel(event) {
    if (event.pointerId === this.#pointer?.id) this.#exchange(this.#past, []);
  }

  #stroke(from, to) {
    const context = this.#context;
    const color = this.tool === "eraser" ? this.background : this.color;
    this.tag = {};
    if (this.ofClasses) {
      this.#strokeWhole(from, to, color);
    } else {
      context.strokeStyle = color;
      context.lineWidth = this.size;
      context.lineCap = context.lineJoin = "round";
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
    }
    this.#changed();
  }

  /** A stroke of whole pixels: those whose middles it covers. */
  #strokeWhole(from, to, color) {
    // a brush of an even number of pixels is round about a corner of theirs
    const snap = (at) => (this.size % 2 === 0 ? Math.round(at) : Math.floor(at) + 0.5);
    const [[x0, y0], [x1, y1]] = [from.map(snap), to.map(snap)];
    const [dx, dy, reach] = [x1 - x0, y1 - y0, this.size / 2];
    const squared = dx * dx + dy * dy;
    const isCovered = (x, y) => {
      const along = squared > 0 ? Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / squared)) : 0;
      return Math.hypot(x - x0 - along * dx, y - y0 - along * dy) <= reach;
    };
    const around = (a, b, end) => {
      const [first, last] = [Math.max(0, Math.floor(Math.min(a, b) - reach)), Math.min(end - 1, Math.ceil(Math.max(a, b) + reach))];
      return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
    };
    const columns = around(x0, x1, this.#canvas.width);
    this.#context.fillStyle = color;
    for (const y of around(y0, y1, this.#canvas.height)) {
      const covered = columns.filter((x) => isCovered(x + 0.5, y + 0.5));
      if (covered.length > 0) this.#context.fillRect(covered[0], y, covered.length, 1);
    }
  }

  /** Flood fill: recolors the connected area of one color around a position. */
  #fill([x, y]) {
    const image = this.#pixels();
    const { width, height } = image;
    const pixels = new Uint32Array(image.data.buffer);
    const [startX, startY] = [Math.floor(x), Math.floor(y)];
    if (startX < 0 || startY < 0 || startX >= width || startY >= height) return;
    const [from, to] = [pixels[startY * width + startX], pixel(this.color)];
    // nothing that could be undone
    if (from === to) return;
    this.#remember();
    this.tag = {};
    const open = [startY * width + startX];
    while (open.length > 0) {
      const at = open.pop();
      if (pixels[at] !== from) continue;
      pixels[at] = to;
      const column = at % width;
      if (column > 0) open.push(at - 1);
      if (column < width - 1) open.push(at + 1);
      if (at >= width) open.push(at - width);
      if (at < width * (height - 1)) open.push(at + width);
    }
    this.#context.putImageData(image, 0, 0);
    this.#changed();
  }

  /** Takes the keyboard's brush up or down, and shows it. */
  #take(isDown) {
    this.#isDown = isDown;
    this.#pencil.classList.toggle("down", isDown);
    this.#pencil.hidden = document.activeElement !== this.#canvas || this.#cursor === null;
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    // held, the space bar is pressed once
    if (event.repeat && !move) return;
    const { width, height } = this.#canvas;
    this.#cursor ??= [width / 2, height / 2];
    let isDown = this.#isDown;
    if (move) {
      const step = event.shiftKey ? 1 : Math.max(2, this.size / 2);
      const from = this.#cursor;
      const [x, y] = from;
      this.#cursor = [
        Math.min(width - 1, Math.max(0, x + step * move[0])),
        Math.min(height - 1, Math.max(0, y + step * move[1])),
      ];
      if (isDown) this.#stroke(from, this.#cursor);
    } else if (isDown) {
      isDown = false;
    } else if (this.tool === "fill") {
      this.#fill(this.#cursor);
    } else {
      this.#remember();
      isDown = true;
      this.#stroke(this.#cursor, this.#cursor);
    }
    this.#take(isDown);
    const box = this.#canvas.getBoundingClientRect();
    const scale = box.width / width;
    const style = this.#pencil.style;
    style.left = `${this.#cursor[0] * scale}px`;
    style.top = `${this.#cursor[1] * scale}px`;
    style.width = style.height = `${Math.max(8, this.size * scale)}px`;
  }
}
