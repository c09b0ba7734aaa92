// The tab Generate: attributes, title and seed in, pictures out.
import { ask } from "./api.js";
import { Blend } from "./blend.js";
import { button, field, h, show, replace, select, word } from "./dom.js";
import { Gallery, itemsOf } from "./gallery.js";
import { Snippet } from "./snippet.js";
import { asked, canEdit, modelNamed, nameOf, on, server } from "./state.js";
import { Variations } from "./variations.js";
import { Work } from "./work.js";

const MAX_SEED = Number.MAX_SAFE_INTEGER;
const LOSSY = ["jpeg", "webp", "avif"];

class Generate {
  constructor() {
    this.model = select([], undefined, () => this.#model());
    this.attributes = h("div", { class: "fields" });
    this.title = h("input", { type: "text", maxLength: 200, autocomplete: "off", hint: "generate.title.hint" });
    this.titleField = field(word("generate.title"), this.title, h("p", { t: "generate.title.help" }));
    this.seed = h("input", { type: "number", min: 0, max: MAX_SEED, step: 1, inputMode: "numeric", hint: "generate.seed.hint" });
    this.count = h("input", { type: "number", min: 1, max: 64, step: 1, value: 4, required: true });
    this.format = select([], "png", () => this.#format());
    this.quality = h("input", { type: "number", min: 1, max: 100, step: 1, hint: "generate.usual" });
    this.qualityField = field(word("generate.quality"), this.quality);
    this.side = h("input", { type: "number", min: 1, max: 4096, step: 1, hint: "generate.usual" });
    this.truncation = h("input", { type: "number", min: 0, max: 8, step: 0.1, hint: "generate.truncation.hint" });
    this.work = new Work();
    this.run = h("button", { type: "submit", class: "primary run", t: "generate.run" });
    this.snippet = new Snippet(() => this.#described());
    this.gallery = new Gallery((item) => this.#actions(item));
    this.variations = new Variations(this.gallery);
    this.blend = new Blend(this.gallery);
    this.node = this.#layout();
    on("server", () => this.#server());
    on("cleared", () => (this.variations.close(), this.blend.close()));
  }

  #layout() {
    const row = (...fields) => h("div", { class: "pair" }, fields);
    const random = button("generate.seed.new", () => {
      this.seed.value = crypto.getRandomValues(new Uint32Array(1))[0];
      this.snippet.refresh();
    }, { class: "link" });
    const more = h("details", { class: "more" }, h("summary", { t: "generate.more" }), h("div", { class: "fields" },
      row(field(word("generate.format"), this.format), this.qualityField),
      field(word("generate.side"), this.side, h("p", { t: "generate.side.help" })),
      field(word("generate.truncation"), this.truncation, h("p", { t: "generate.truncation.help" }))));
    this.form = h("form", { class: "side", oninput: () => this.snippet.refresh(), onsubmit: (event) => (event.preventDefault(), this.make()) },
      h("h2", { t: "generate.heading" }),
      field(word("generate.model"), this.model), this.attributes, this.titleField,
      row(h("div", {}, field(word("generate.seed"), this.seed), random), field(word("generate.count"), this.count)),
      more, h("div", { class: "row" }, this.run), this.work.node);
    this.nothing = h("div", { class: "box", hidden: true }, h("p", { t: "generate.none" }));
    return h("div", {}, this.nothing, h("div", { class: "columns" }, this.form,
      h("div", { class: "wide" }, h("h2", { class: "unseen", t: "generate.results" }), this.variations.node, this.blend.node, this.gallery.node, this.snippet.node)));
  }

  #server() {
    const models = server.models.filter((model) => model.generates !== false);
    const before = this.model.value;
    replace(this.model, ...models.map((model) => show(h("option", { value: nameOf(model) }), nameOf(model))));
    if (models.some((model) => nameOf(model) === before)) this.model.value = before;
    this.nothing.hidden = models.length > 0;
    this.form.parentNode.hidden = models.length === 0;
    if (models.length) this.#model();
  }

  #model() {
    const model = modelNamed(this.model.value);
    this.menus = new Map(Object.entries(model.attributes).map(([name, values]) =>
      [name, select([["", { t: "generate.any" }], ...values.map((value) => [value, value])], "")]));
    replace(this.attributes, ...[...this.menus].map(([name, menu]) => field(show(h("span", { class: "name" }), name), menu)));
    this.titleField.hidden = !model.titles.read;
    this.title.value = "";
    const list = h("datalist", { id: "titles" }, model.titles.examples.map((example) => h("option", { value: String(example) })));
    this.title.setAttribute("list", "titles");
    document.getElementById("titles")?.remove();
    this.titleField.append(list);
    this.count.max = model.max_count;
    replace(this.format, ...model.formats.map((each) => show(h("option", { value: each }), each.toUpperCase())));
    this.#format();
    this.snippet.refresh();
  }

  #format() {
    this.qualityField.hidden = !LOSSY.includes(this.format.value);
  }

  #request() {
    const attributes = Object.fromEntries([...(this.menus ?? [])].filter(([, menu]) => menu.value).map(([name, menu]) => [name, menu.value]));
    const request = { attributes, count: Number(this.count.value) || 1, format: this.format.value || "png" };
    if (this.title.value.trim() && !this.titleField.hidden) request.title = this.title.value.trim();
    if (this.seed.value !== "") request.seed = Number(this.seed.value);
    if (this.quality.value && !this.qualityField.hidden) request.quality = Number(this.quality.value);
    if (this.side.value) request.side = Number(this.side.value);
    if (Number(this.truncation.value)) request.truncation = Number(this.truncation.value);
    return request;
  }

  #described(request = this.#request()) {
    return { path: "generate", query: asked(this.model.value), json: request, images: true, out: "images" };
  }

  /** Ask for pictures as the form says, or as `changed` does. */
  async make(changed = {}) {
    const request = { ...this.#request(), ...changed };
    const model = this.model.value;
    const answer = await this.work.run((signal) => ask("generate", { method: "POST", query: asked(model), json: request, signal }));
    if (!answer) return;
    const title = h("span", {}, word("generate.group", { count: answer.images.length }), " ", show(h("span", { class: "name" }),
      [...Object.values(request.attributes), request.title].filter(Boolean).join(", ")));
    this.gallery.add(title, itemsOf(answer, { model, request, title: request.title }));
  }

  #actions(item) {
    const actions = [button("gallery.vary", () => this.variations.open(item))];
    if (canEdit("interpolate")) actions.push(this.blend.toggle(item));
    return actions;
  }
}

export const generateTab = () => new Generate().node;
