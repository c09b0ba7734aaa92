// Two pictures in one frame: a slider uncovers the first. It is a range input, so that arrow keys move it.
import { h } from "./dom.js";

const MAX_HEIGHT = 640; // pixels

export class Compare {
  constructor() {
    this.before = h("img", { alt: "" });
    this.after = h("img", { alt: "" });
    this.cover = h("div", { class: "cover" }, this.before);
    this.line = h("div", { class: "line", "aria-hidden": "true" });
    this.range = h("input", { type: "range", min: 0, max: 100, value: 50, label: "compare.slider", oninput: () => this.#move() });
    this.frame = h("div", { class: "compare" }, this.after, this.cover, this.line, this.range);
    this.captions = h("div", { class: "row between captions" }, h("span", { t: "compare.before" }), h("span", { t: "compare.after" }));
    this.node = h("div", {}, this.frame, this.captions);
    this.#move();
  }

  show(before, after) {
    this.before.src = before;
    this.after.src = after;
    this.after.onload = () => {
      const { naturalWidth: width, naturalHeight: height } = this.after;
      this.frame.style.aspectRatio = `${width} / ${height}`;
      this.frame.style.width = `${(MAX_HEIGHT * width) / height}px`;
    };
    this.range.value = 50;
    this.#move();
  }

  #move() {
    this.cover.style.clipPath = `inset(0 ${100 - this.range.value}% 0 0)`;
    this.line.style.left = `${this.range.value}%`;
  }
}
