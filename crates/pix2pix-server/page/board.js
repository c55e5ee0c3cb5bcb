// The drawing board, for mouse, pen, finger and keyboard.

const STEPS_BACK = 40;

export class Board extends EventTarget {
  #canvas;
  #context;
  #pencil;
  #past = [];
  #future = [];
  #last = null;
  #cursor = null;
  tool = "brush";
  colour = "#000000";
  background = "#ffffff";
  size = 12;

  /** `pencil` is the element that shows the position of the keyboard's brush. */
  constructor(canvas, pencil) {
    super();
    this.#canvas = canvas;
    this.#pencil = pencil;
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this.#last = null));
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

  /** Empties the board, sets its size in pixels, and forgets the undo history. */
  reset(width, height) {
    [this.#canvas.width, this.#canvas.height] = [width, height];
    [this.#past, this.#future, this.#last, this.#cursor] = [[], [], null, null];
    this.#wipe();
  }

  clear() {
    this.#remember();
    this.#wipe();
  }

  /** Draws a picture on the board, scaled to fit and centred. */
  show(picture) {
    this.#remember();
    const { width, height } = this.#canvas;
    const scale = Math.min(width / picture.width, height / picture.height);
    const [w, h] = [picture.width * scale, picture.height * scale];
    this.#context.fillStyle = this.background;
    this.#context.fillRect(0, 0, width, height);
    this.#context.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
    this.#changed();
  }

  /** Covers the board with a camera's picture, cut at the edges: { image, width, height }. Undo knows the first of a film. */
  cover({ image, width: w, height: h }, isFirst) {
    if (isFirst) this.#remember();
    const { width, height } = this.#canvas;
    const scale = Math.max(width / w, height / h);
    this.#context.drawImage(image, (width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale);
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

  #wipe() {
    this.#context.fillStyle = this.background;
    this.#context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#changed();
  }

  #pixels() {
    return this.#context.getImageData(0, 0, this.#canvas.width, this.#canvas.height);
  }

  #remember() {
    this.#past.push(this.#pixels());
    if (this.#past.length > STEPS_BACK) this.#past.shift();
    this.#future = [];
  }

  #exchange(from, to) {
    if (from.length === 0) return;
    to.push(this.#pixels());
    this.#context.putImageData(from.pop(), 0, 0);
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
    if (event.button !== 0 || !event.isPrimary) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#remember();
    const place = this.#place(event);
    if (this.tool === "fill") {
      this.#fill(place);
      return;
    }
    this.#last = place;
    this.#stroke(place);
  }

  #move(event) {
    if (this.#last === null) return;
    // use all positions between two frames, so that fast strokes stay smooth
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length > 0 ? events : [event]) this.#stroke(this.#place(each));
  }

  #stroke(to) {
    const context = this.#context;
    context.strokeStyle = this.tool === "eraser" ? this.background : this.colour;
    context.lineWidth = this.size;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...this.#last);
    context.lineTo(...to);
    context.stroke();
    this.#last = to;
    this.#changed();
  }

  /** Flood fill: recolours the connected area of one colour around a position. */
  #fill([x, y]) {
    const image = this.#pixels();
    const { width, height } = image;
    const pixels = new Uint32Array(image.data.buffer);
    const [startX, startY] = [Math.floor(x), Math.floor(y)];
    if (startX < 0 || startY < 0 || startX >= width || startY >= height) return;
    const from = pixels[startY * width + startX];
    // read the fill colour back in the pixel format of the canvas
    const context = this.#context;
    context.fillStyle = this.colour;
    context.fillRect(startX, startY, 1, 1);
    const to = new Uint32Array(context.getImageData(startX, startY, 1, 1).data.buffer)[0];
    if (from !== to) {
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
      context.putImageData(image, 0, 0);
    }
    this.#changed();
  }

  /** Shows whether the keyboard's brush is down. */
  #take(down) {
    if (!down) this.#last = null;
    this.#pencil.classList.toggle("down", down);
    this.#pencil.hidden = document.activeElement !== this.#canvas || this.#cursor === null;
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    const { width, height } = this.#canvas;
    this.#cursor ??= [width / 2, height / 2];
    if (move) {
      const step = event.shiftKey ? 1 : Math.max(2, this.size / 2);
      const [x, y] = this.#cursor;
      this.#cursor = [
        Math.min(width - 1, Math.max(0, x + step * move[0])),
        Math.min(height - 1, Math.max(0, y + step * move[1])),
      ];
      if (this.#last !== null) this.#stroke(this.#cursor);
    } else if (this.#last !== null) {
      this.#last = null;
    } else {
      this.#remember();
      if (this.tool === "fill") {
        this.#fill(this.#cursor);
      } else {
        this.#last = this.#cursor;
        this.#stroke(this.#cursor);
      }
    }
    this.#take(this.#last !== null);
    const box = this.#canvas.getBoundingClientRect();
    const scale = box.width / width;
    const style = this.#pencil.style;
    style.left = `${this.#cursor[0] * scale}px`;
    style.top = `${this.#cursor[1] * scale}px`;
    style.width = style.height = `${Math.max(8, this.size * scale)}px`;
  }
}
