// The tab Edit: a photo in, a chain of edits, the result beside the photo.
import { ask, formOf } from "./api.js";
import { Chain, stepsOf } from "./chain.js";
import { Compare } from "./compare.js";
import { button, field, h, show, replace, save, say, select, word } from "./dom.js";
import { factList } from "./facts.js";
import { itemsOf, named } from "./gallery.js";
import { MaskEditor } from "./mask.js";
import { PhotoInput, opened } from "./photo_input.js";
import { Snippet } from "./snippet.js";
import { asked, modelNamed, nameOf, on, server, tell } from "./state.js";
import { Work } from "./work.js";

const FORMATS = ["png", "jpeg", "webp", "avif"];

class Edit {
  constructor() {
    this.photo = new PhotoInput((blob) => this.#photo(blob));
    this.mask = new MaskEditor();
    this.context = {
      attributes: () => modelNamed(this.model.value)?.attributes ?? {},
      onchange: () => this.#changed(),
      mask: (picker) => this.#draw(picker),
    };
    this.model = select([], undefined, () => this.chain.set(stepsOf(this.chain.edits())));
    this.modelField = field(word("generate.model"), this.model);
    this.chain = new Chain(this.context);
    this.format = select([["", { t: "edit.format.own" }], ...FORMATS.map((each) => [each, each.toUpperCase()])], "", () => this.#changed());
    this.quality = h("input", { type: "number", min: 1, max: 100, step: 1, hint: "generate.usual", onchange: () => this.#changed() });
    this.count = h("input", { type: "number", min: 1, max: 16, step: 1, value: 1, onchange: () => this.#changed() });
    this.seed = h("input", { type: "number", min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, hint: "generate.seed.hint", onchange: () => this.#changed() });
    this.random = h("div", { class: "pair", hidden: true }, field(word("generate.count"), this.count), field(word("generate.seed"), this.seed));
    this.run = button("edit.run", () => this.#run(), { class: "primary run" });
    this.work = new Work();
    this.preview = h("img", { class: "result", alt: "", hidden: true });
    this.cannot = h("p", { class: "help", t: "photo.unseen", hidden: true });
    this.results = h("div", { class: "fields" });
    this.empty = h("div", { class: "empty" }, h("p", { t: "edit.empty" }));
    this.snippet = new Snippet(() => this.#described());
    this.node = this.#layout();
    on("server", () => this.#server());
    on("edit", (given) => this.#given(given));
    addEventListener("paste", (event) => this.photo.pasted(event));
  }

  #layout() {
    const more = h("details", { class: "more" }, h("summary", { t: "generate.more" }), h("div", { class: "fields" }, this.modelField,
      h("div", { class: "pair" }, field(word("generate.format"), this.format), field(word("generate.quality"), this.quality))));
    const side = h("div", { class: "side" }, h("h2", { t: "edit.heading" }), this.photo.node, h("h3", { t: "chain.title" }), this.chain.node,
      this.random, more, h("div", { class: "row" }, this.run), this.work.node);
    const wide = h("div", { class: "wide" }, h("h2", { class: "unseen", t: "generate.results" }), this.mask.node, this.empty, this.preview, this.cannot, this.results, this.snippet.node);
    return h("div", { class: "columns" }, side, wide);
  }

  #server() {
    const before = this.model.value;
    replace(this.model, ...server.models.map((model) => show(h("option", { value: nameOf(model) }), nameOf(model))));
    if (server.models.some((model) => nameOf(model) === before)) this.model.value = before;
    this.modelField.hidden = server.models.length < 2;
    this.chain.offer();
    this.#changed();
  }

  #changed() {
    this.random.hidden = !this.chain.random;
    this.snippet.refresh();
  }

  async #photo(blob) {
    replace(this.results);
    this.work.clear();
    this.mask.close();
    this.empty.hidden = true;
    if (this.image) URL.revokeObjectURL(this.image.src);
    this.image = await opened(blob).catch(() => null);
    this.cannot.hidden = this.image !== null;
    this.preview.hidden = this.image === null;
    if (this.image) this.preview.src = this.image.src;
    this.preview.alt = blob.name ?? "";
    this.#changed();
  }

  #given({ photo, edits }) {
    tell("open", "edit");
    this.photo.set(photo);
    if (edits) this.chain.set(stepsOf(edits));
  }

  #draw(picker) {
    if (this.image) this.mask.open(this.image, picker);
    else this.#missing("edit.photo.first");
  }

  #missing(key) {
    this.work.clear();
    say(this.work.status, key);
    (key === "edit.photo.first" ? this.photo.choose : this.chain.menu).focus();
  }

  #request() {
    const request = { edits: this.chain.edits() };
    const pictures = Object.keys(this.chain.pictures());
    if (pictures.length) request.pictures = Object.fromEntries(pictures.map((name) => [name, name]));
    if (this.format.value) request.format = this.format.value;
    if (this.quality.value) request.quality = Number(this.quality.value);
    if (this.chain.random && this.count.value !== "1") request.count = Number(this.count.value);
    if (this.chain.random && this.seed.value !== "") request.seed = Number(this.seed.value);
    return request;
  }

  #described() {
    const files = { photo: this.photo.photo?.name ?? "photo.jpg" };
    for (const [name, blob] of Object.entries(this.chain.pictures())) files[name] = blob.name ?? `${name}.png`;
    return { path: "edit", query: asked(this.model.value), json: this.#request(), files, images: true, out: "edited" };
  }

  async #run() {
    if (!this.photo.photo) return this.#missing("edit.photo.first");
    if (!this.chain.items.length) return this.#missing("edit.chain.first");
    if (this.chain.invalid()) return undefined;
    const form = formOf(this.#request(), { photo: this.photo.photo, ...this.chain.pictures() });
    const answer = await this.work.run((signal) => ask("edit", { method: "POST", query: asked(this.model.value), form, signal }), "work.slow");
    if (!answer) return undefined;
    this.preview.hidden = this.cannot.hidden = true;
    this.mask.close();
    for (const url of this.urls ?? []) URL.revokeObjectURL(url);
    const items = itemsOf(answer);
    this.urls = items.map((item) => item.url);
    return replace(this.results, ...items.map((item) => this.#result(item)));
  }

  #result(item) {
    const compare = new Compare();
    if (this.image) compare.show(this.image.src, item.url);
    const alone = h("img", { class: "result", src: item.url, alt: item.name });
    const row = h("div", { class: "row" },
      button("gallery.download", () => save(item.blob, item.name), { class: "primary" }),
      button("edit.on", () => this.#given({ photo: named(item), edits: [] })),
      button("gallery.check", () => tell("check", named(item))));
    return h("section", { class: "result-box" }, this.image ? compare.node : alone, row, h("h3", { t: "fact.title" }), factList(item.image, item.blob.size));
  }
}

export const editTab = () => new Edit().node;
