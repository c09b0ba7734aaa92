// A mask is drawn over the photo with a brush, or, by keyboard, of rectangles in numbers. White is where the edit works.
import { button, field, h, say, select, word } from "./dom.js";

const MAX_SIDE = 4096; // of the canvas: larger photos get a mask that is enlarged

export class MaskEditor {
  constructor() {
    this.image = h("img", { alt: "" });
    this.canvas = h("canvas", { role: "img", label: "mask.canvas" });
    this.brush = h("input", { type: "range", min: 0.5, max: 20, step: 0.5, value: 5 });
    this.mode = select([["draw", { t: "mask.paint" }], ["erase", { t: "mask.erase" }]], "draw");
    this.rectangle = ["left", "top", "width", "height"].map((name) => [name, h("input", { type: "number", min: 0, step: 1, value: 0, inputMode: "numeric" })]);
    this.status = h("p", { role: "status", class: "help" });
    this.title = h("h3", { t: "mask.title", tabIndex: -1 });
    this.strokes = [];
    this.node = h("section", { class: "box tool", hidden: true, label: "mask.title" },
      h("div", { class: "row between" }, this.title, button("mask.close", () => this.close(), { class: "quiet" })),
      h("p", { class: "help", t: "mask.help" }),
      h("div", { class: "mask" }, this.image, this.canvas),
      h("div", { class: "pair" }, field(word("mask.mode"), this.mode), field(word("mask.brush"), this.brush)),
      h("div", { class: "row" }, button("mask.undo", () => this.#undo()), button("mask.clear", () => this.#clear()), this.status),
      h("fieldset", {}, h("legend", { t: "mask.rectangle" }), h("div", { class: "four" }, this.rectangle.map(([name, input]) => field(word(`mask.${name}`), input))),
        h("div", { class: "row" }, button("mask.add", () => this.#rectangle(false)), button("mask.cut", () => this.#rectangle(true), { class: "quiet" }))));
    this.#listen();
  }

  /** Draw on `image`; `picker` gets the mask after each change. */
  open(image, picker) {
    if (this.picker !== picker || this.image.src !== image.src) this.strokes = [];
    this.picker = picker;
    this.image.src = image.src;
    const scale = Math.min(1, MAX_SIDE / Math.max(image.naturalWidth, image.naturalHeight));
    this.scale = scale;
    this.canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
    this.canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
    for (const [name, input] of this.rectangle) {
      const across = name === "left" || name === "width";
      input.max = across ? image.naturalWidth : image.naturalHeight;
      input.value = name === "left" || name === "top" ? Math.round(input.max / 4) : Math.round(input.max / 2);
    }
    this.node.hidden = false;
    this.#redraw();
    this.title.focus();
    this.node.scrollIntoView({ block: "nearest" });
  }

  close() {
    const inside = this.node.contains(document.activeElement);
    this.node.hidden = true;
    if (inside) this.picker?.node.querySelector("button")?.focus();
  }

  #listen() {
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      const radius = (Number(this.brush.value) / 200) * Math.max(this.canvas.width, this.canvas.height);
      this.stroke = { erase: this.mode.value === "erase", radius, points: [this.#place(event)] };
      this.strokes.push(this.stroke);
      this.#draw(this.stroke);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.stroke) return;
      this.stroke.points.push(this.#place(event));
      this.#draw({ ...this.stroke, points: this.stroke.points.slice(-2) });
    });
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, () => this.stroke && ((this.stroke = null), this.#changed()));
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.canvas.width, ((event.clientY - box.top) / box.height) * this.canvas.height];
  }

  #draw({ erase, radius, points, box }) {
    const pen = this.canvas.getContext("2d", { willReadFrequently: true });
    pen.globalCompositeOperation = erase ? "destination-out" : "source-over";
    pen.fillStyle = pen.strokeStyle = "#d6306b";
    if (box) return pen.fillRect(...box);
    pen.lineWidth = radius * 2;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...points[0]);
    for (const point of points) pen.lineTo(...point);
    return pen.stroke();
  }

  #rectangle(erase) {
    const box = this.rectangle.map(([, input]) => Number(input.value) * this.scale);
    this.strokes.push({ erase, box });
    this.#draw(this.strokes.at(-1));
    this.#changed();
  }

  #undo() {
    this.strokes.pop();
    this.#redraw();
  }

  #clear() {
    this.strokes = [];
    this.#redraw();
  }

  #redraw() {
    this.canvas.getContext("2d", { willReadFrequently: true }).clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const stroke of this.strokes) this.#draw(stroke);
    this.#changed();
  }

  async #changed() {
    const share = this.#share();
    say(this.status, "mask.share", { percent: Math.round(share * 1000) / 10 });
    this.picker.set(share > 0 ? await this.#blob() : null, share);
  }

  #share() {
    const { data } = this.canvas.getContext("2d").getImageData(0, 0, this.canvas.width, this.canvas.height);
    let marked = 0;
    for (let i = 3; i < data.length; i += 4) marked += data[i] > 127;
    return marked / (data.length / 4);
  }

  #blob() {
    const sheet = h("canvas", { width: this.image.naturalWidth, height: this.image.naturalHeight }); // the API asks for the size of the photo
    const pen = sheet.getContext("2d");
    pen.drawImage(this.canvas, 0, 0, sheet.width, sheet.height);
    pen.globalCompositeOperation = "source-in";
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, sheet.width, sheet.height);
    pen.globalCompositeOperation = "destination-over";
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, sheet.width, sheet.height);
    return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
  }
}
