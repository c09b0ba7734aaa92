// Pictures that were made: a card each, newest group first, and one of them large.
import { blobOf } from "./api.js";
import { button, h, show, save } from "./dom.js";
import { suffixOf } from "./photo_input.js";
import { tell } from "./state.js";

/** The images of an answer as items: the bytes as they came, and what is known about them. */
export function itemsOf(answer, more = {}) {
  return answer.images.map((image, index) => {
    const type = image.media_type ?? answer.media_type;
    const blob = blobOf(image.data, type);
    const name = `${image.name}.${suffixOf(type)}`;
    return { ...more, blob, url: URL.createObjectURL(blob), name, seed: answer.seed, index, attributes: image.attributes ?? more.attributes ?? {}, image };
  });
}

export const named = (item) => new File([item.blob], item.name, { type: item.blob.type });
export const describe = (item) => Object.values(item.attributes).join(", ") || item.title || item.name;

/** `actions(item)` gives further buttons of a card. */
export class Gallery {
  constructor(actions = () => []) {
    this.actions = actions;
    this.viewer = new Viewer();
    this.empty = h("div", { class: "empty" }, h("p", { t: "gallery.empty" }));
    this.groups = h("div", { class: "groups" });
    this.clear = button("gallery.clear", () => this.#clear(), { class: "quiet", hidden: true });
    this.node = h("div", {}, this.empty, this.groups, h("div", { class: "row end" }, this.clear), this.viewer.node);
    this.urls = [];
  }

  /** Add a group at the top; `title` is a node. */
  add(title, items) {
    const list = h("ul", { class: "grid" }, items.map((item) => this.#card(item)));
    this.groups.prepend(h("section", { class: "group" }, h("h3", {}, title), list));
    this.urls.push(...items.map((item) => item.url));
    this.empty.hidden = true;
    this.clear.hidden = false;
    return list;
  }

  #card(item) {
    const image = h("img", { src: item.url, alt: describe(item), loading: "lazy" });
    const large = h("button", { type: "button", class: "picture", onclick: () => this.viewer.show(item) }, image);
    const caption = show(h("p", { class: "caption", title: describe(item) }), describe(item));
    const facts = h("p", { class: "help", t: ["gallery.seed", { seed: String(item.seed), number: item.index + 1 }] });
    const row = h("div", { class: "actions" },
      button("gallery.download", () => save(item.blob, item.name)),
      button("gallery.edit", () => tell("edit", { photo: named(item) })),
      button("gallery.check", () => tell("check", named(item))),
      this.actions(item));
    return h("li", { class: "card" }, large, caption, facts, row);
  }

  #clear() {
    for (const url of this.urls) URL.revokeObjectURL(url);
    this.urls = [];
    this.groups.replaceChildren();
    this.empty.hidden = false;
    this.clear.hidden = true;
    tell("cleared", this);
  }
}

/** One picture as large as the window. A dialog of the browser keeps the keyboard, and Escape closes it. */
class Viewer {
  constructor() {
    this.image = h("img", { alt: "" });
    this.caption = h("p", { class: "caption" });
    this.node = h("dialog", { class: "viewer", label: "gallery.large" }, this.image,
      h("div", { class: "row between" }, this.caption, h("div", { class: "row" },
        button("gallery.download", () => save(this.item.blob, this.item.name)),
        button("page.close", () => this.node.close(), { class: "primary" }))));
    this.node.addEventListener("click", (event) => event.target === this.node && this.node.close());
  }

  show(item) {
    this.item = item;
    this.image.src = item.url;
    this.image.alt = describe(item);
    show(this.caption, describe(item));
    this.node.showModal();
  }
}

