// The output, with the input as an overlay that a slider reveals.

export class Comparison {
  #output;
  #overlay;

  constructor(output, overlay, slider) {
    this.#output = output;
    this.#overlay = overlay;
    const pull = () => (overlay.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`);
    slider.addEventListener("input", pull);
    pull();
  }

  reset(width, height) {
    for (const canvas of [this.#output, this.#overlay]) [canvas.width, canvas.height] = [width, height];
  }

  /** Shows an input and its output. */
  show(input, output) {
    this.#overlay.getContext("2d").drawImage(input, 0, 0);
    this.#output.getContext("2d").drawImage(output, 0, 0);
  }

  /** Input and output side by side, as a PNG file. */
  file() {
    const { width, height } = this.#output;
    const both = new OffscreenCanvas(2 * width, height);
    const context = both.getContext("2d");
    context.drawImage(this.#overlay, 0, 0);
    context.drawImage(this.#output, width, 0);
    return both.convertToBlob();
  }
}
