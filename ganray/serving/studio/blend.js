// Between two pictures: a slider over the edit `interpolate`. Each place of the slider is drawn once and kept.
import { ask, formOf } from "./api.js";
import { button, field, h, save, word } from "./dom.js";
import { describe, itemsOf, named } from "./gallery.js";
import { asked, tell } from "./state.js";
import { Work } from "./work.js";

const STEP = 0.125;

export class Blend {
  constructor(gallery) {
    this.chosen = [];
    this.buttons = new Map();
    this.drawn = new Map();
    this.work = new Work();
    this.first = h("img", { class: "thumb", alt: "" });
    this.second = h("img", { class: "thumb", alt: "" });
    this.result = h("img", { class: "result", alt: "", hidden: true });
    this.hint = h("p", { class: "help", t: "blend.pick" });
    this.range = h("input", { type: "range", min: 0, max: 1, step: STEP, value: 0.5, onchange: () => this.#draw(), oninput: () => this.#kept() });
    this.threshold = h("input", { type: "number", min: 0, max: 60, step: 1, value: 22, onchange: () => this.#forget() });
    this.run = button("blend.run", () => this.#draw(), { class: "primary run" });
    this.take = h("div", { class: "row", hidden: true }, button("gallery.download", () => save(this.item.blob, this.item.name)),
      button("gallery.edit", () => tell("edit", { photo: named(this.item) })));
    this.tools = h("div", { class: "fields" },
      h("div", { class: "blend" }, this.first, field(word("blend.slider"), this.range), this.second),
      h("div", { class: "pair" }, field(word("vary.threshold"), this.threshold, h("p", { t: "vary.threshold.help" })), h("div", { class: "row" }, this.run)),
      this.result, this.take, this.work.node);
    this.node = h("section", { class: "box tool", hidden: true, label: "blend.title" },
      h("div", { class: "row between" }, h("h3", { t: "blend.title" }), button("page.close", () => this.close(), { class: "quiet" })), this.hint, this.tools);
    this.gallery = gallery;
  }

  /** A button of a card that takes it as one of the two ends. */
  toggle(item) {
    const node = button("blend.toggle", () => this.#choose(item), { "aria-pressed": "false" });
    this.buttons.set(item, node);
    return node;
  }

  close() {
    for (const item of this.chosen) this.buttons.get(item).setAttribute("aria-pressed", "false");
    const last = this.buttons.get(this.chosen.at(-1));
    this.chosen = [];
    this.node.hidden = true;
    this.#forget();
    if (last?.isConnected) last.focus();
  }

  #choose(item) {
    this.chosen = this.chosen.includes(item) ? this.chosen.filter((each) => each !== item) : [...this.chosen, item].slice(-2);
    for (const [each, node] of this.buttons) node.setAttribute("aria-pressed", String(this.chosen.includes(each)));
    this.node.hidden = this.chosen.length === 0;
    this.hint.hidden = this.chosen.length === 2;
    this.tools.hidden = this.chosen.length < 2;
    this.#forget();
    if (this.chosen.length < 2) return;
    for (const [image, each] of [[this.first, this.chosen[0]], [this.second, this.chosen[1]]]) {
      image.src = each.url;
      image.alt = describe(each);
    }
    this.node.scrollIntoView({ block: "nearest" });
    this.range.focus();
  }

  #forget() {
    this.work.controller?.abort();
    for (const item of this.drawn.values()) URL.revokeObjectURL(item.url);
    this.drawn.clear();
    this.result.hidden = this.take.hidden = true;
    this.work.clear();
  }

  #kept() {
    const item = this.drawn.get(this.range.value);
    if (item) this.#show(item);
    return item !== undefined;
  }

  async #draw() {
    if (this.chosen.length < 2 || this.#kept()) return;
    const [first, second] = this.chosen;
    const t = this.range.value;
    const params = { picture: "other", t: Number(t), threshold: Number(this.threshold.value) };
    const request = { edits: [{ interpolate: params }], attributes: first.attributes, pictures: { other: "other" } };
    const form = formOf(request, { photo: named(first), other: named(second) });
    const answer = await this.work.run((signal) => ask("edit", { method: "POST", query: asked(first.model), form, signal }), "work.slow");
    if (!answer) return;
    const [item] = itemsOf(answer, { model: first.model, attributes: first.attributes });
    this.drawn.set(t, item);
    this.#show(item);
  }

  #show(item) {
    this.item = item;
    this.result.src = item.url;
    this.result.alt = describe(item);
    this.result.hidden = this.take.hidden = false;
  }
}
