// More like a picture: other draws of the same request, or the picture itself moved a little by the edit `vary`.
import { ask, formOf } from "./api.js";
import { button, field, h, word } from "./dom.js";
import { describe, itemsOf, named } from "./gallery.js";
import { asked, canEdit } from "./state.js";
import { Work } from "./work.js";

export class Variations {
  constructor(gallery) {
    this.gallery = gallery;
    this.work = new Work();
    this.image = h("img", { class: "thumb", alt: "" });
    this.title = h("h3", { t: "vary.title", tabIndex: -1 });
    this.count = h("input", { type: "number", min: 1, max: 16, step: 1, value: 4 });
    this.strength = h("input", { type: "number", min: 0.05, max: 2, step: 0.05, value: 0.5 });
    this.threshold = h("input", { type: "number", min: 0, max: 60, step: 1, value: 22 });
    this.near = button("vary.near", () => this.#near(), { class: "primary run" });
    this.nearField = h("div", { class: "fields" }, h("div", { class: "pair" },
      field(word("vary.strength"), this.strength, h("p", { t: "vary.strength.help" })),
      field(word("vary.threshold"), this.threshold, h("p", { t: "vary.threshold.help" }))), h("div", { class: "row" }, this.near));
    this.node = h("section", { class: "box tool", hidden: true, label: "vary.title" },
      h("div", { class: "row between" }, this.title, button("page.close", () => this.close(), { class: "quiet" })),
      h("div", { class: "with-thumb" }, this.image, h("div", { class: "fields" },
        field(word("generate.count"), this.count), h("div", { class: "row" }, button("vary.seeds", () => this.#seeds()), h("p", { class: "help", t: "vary.seeds.help" })),
        this.nearField)),
      this.work.node);
  }

  open(item) {
    this.item = item;
    this.opener = document.activeElement;
    this.image.src = item.url;
    this.image.alt = describe(item);
    this.nearField.hidden = !canEdit("vary");
    this.node.hidden = false;
    this.work.clear();
    this.title.focus();
    this.node.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.node.hidden = true;
    this.work.controller?.abort();
    if (this.opener?.isConnected) this.opener.focus();
  }

  async #seeds() {
    const { item } = this;
    const request = { ...item.request, attributes: item.attributes, seed: item.seed + 1, count: Number(this.count.value) || 1 };
    const answer = await this.work.run((signal) => ask("generate", { method: "POST", query: asked(item.model), json: request, signal }));
    if (answer) this.gallery.add(word("vary.group.seeds", { name: describe(item) }), itemsOf(answer, { model: item.model, request, title: item.title }));
  }

  async #near() {
    const { item } = this;
    const params = { strength: Number(this.strength.value), threshold: Number(this.threshold.value) };
    const request = { edits: [{ vary: params }], attributes: item.attributes, count: Number(this.count.value) || 1, seed: (item.seed + item.index + 1) % Number.MAX_SAFE_INTEGER };
    const form = formOf(request, { photo: named(item) });
    const answer = await this.work.run((signal) => ask("edit", { method: "POST", query: asked(item.model), form, signal }), "work.slow");
    if (!answer) return;
    const again = { attributes: item.attributes, count: 1, format: item.request?.format ?? "png" };
    this.gallery.add(word("vary.group.near", { name: describe(item) }), itemsOf(answer, { model: item.model, request: again, attributes: item.attributes }));
  }
}
