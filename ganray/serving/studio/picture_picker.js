// A further picture that an edit names: from a file, or, for a mask, drawn on the photo.
import { button, h, show, say, uid } from "./dom.js";

export class PicturePicker {
  constructor(kind, context) {
    this.isMask = kind === "mask";
    this.name = uid(kind);
    this.blob = null;
    this.onchange = context.onchange;
    this.input = h("input", { type: "file", accept: "image/*", hidden: true });
    this.input.addEventListener("change", () => this.input.files[0] && this.set(this.input.files[0]));
    this.note = h("span", { role: "status", class: "help", t: "picture.none" });
    const draw = this.isMask && button("mask.draw", () => context.mask(this));
    this.remove = button("picture.remove", () => this.#removed(), { class: "quiet", hidden: true });
    this.node = h("div", { class: "row" }, draw, button("picture.file", () => this.input.click()), this.remove, this.input, this.note);
  }

  #removed() {
    this.set(null);
    this.node.querySelector("button").focus();
  }

  set(blob, share = null) {
    this.blob = blob;
    this.input.value = "";
    this.remove.hidden = !blob;
    if (!blob) say(this.note, "picture.none");
    else if (share !== null) say(this.note, "mask.share", { percent: Math.round(share * 1000) / 10 });
    else show(this.note, blob.name ?? "");
    this.onchange();
  }
}
