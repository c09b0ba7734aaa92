// A chain of edits, in the order that they are applied: added, moved, removed, each with its parameters.
import { button, h, quote, replace, say, select, uid } from "./dom.js";
import { has } from "./language.js";
import { ParamForm } from "./schema_form.js";
import { editNamed, server } from "./state.js";

export const editTitle = (name) => (has(`edit.${name}`) ? h("span", { t: `edit.${name}` }) : quote(h("span"), name));

/** The steps of a chain as the API writes them: "white", "upscale:2", {"conform": "amazon-main"}, {"vary": {...}}. */
export function stepsOf(edits) {
  return edits.map((edit) => {
    const [name, value] = typeof edit === "string" ? [edit.split(":")[0], edit.split(":").slice(1).join(":") || undefined] : Object.entries(edit)[0];
    const card = editNamed(name);
    if (!card) return null;
    if (value !== null && typeof value === "object") return { name, params: value };
    if (value === undefined || !card.short) return { name, params: {} };
    const { type } = card.params.properties[card.short];
    return { name, params: { [card.short]: type === "integer" || type === "number" ? Number(value) : value } };
  }).filter(Boolean);
}

export class Chain {
  /** `context` is that of ParamForm. */
  constructor(context) {
    this.context = context;
    this.items = [];
    this.list = h("ol", { class: "chain" });
    this.empty = h("p", { class: "help", t: "chain.empty" });
    this.menu = select([], undefined, null, { label: "chain.choose" });
    this.status = h("p", { role: "status", class: "unseen" });
    this.node = h("div", {}, this.empty, this.list, h("div", { class: "row add" }, this.menu, button("chain.add", () => this.#added())), this.status);
  }

  /** Offer the edits that the server has. */
  offer() {
    replace(this.menu, ...server.edits.map(({ name }) => {
      const option = h("option", { value: name });
      return has(`edit.${name}`) ? say(option, `edit.${name}`) : quote(option, name);
    }));
    if (!this.items.length) this.menu.value = "white";
  }

  set(steps) {
    this.items = steps.map(({ name, params }) => this.#item(name, params));
    this.#render();
  }

  #item(name, params = {}) {
    const card = editNamed(name);
    return { card, form: new ParamForm(card, params, this.context) };
  }

  /** A new edit goes where the usual order of edits has it; a person may move it. */
  #added() {
    const order = server.edits.map(({ name }) => name);
    const item = this.#item(this.menu.value);
    const place = this.items.findIndex((each) => order.indexOf(each.card.name) > order.indexOf(item.card.name));
    this.items.splice(place < 0 ? this.items.length : place, 0, item);
    this.#render();
    say(this.status, "chain.added");
    item.node.querySelector("input, select, button").focus();
  }

  #move(item, by) {
    const from = this.items.indexOf(item);
    const to = from + by;
    if (to < 0 || to >= this.items.length) return;
    this.items.splice(to, 0, ...this.items.splice(from, 1));
    this.#render();
    say(this.status, "chain.moved", { place: to + 1 });
    item.node.querySelector(`[data-by="${by}"]:not(:disabled), [data-by]:not(:disabled)`)?.focus();
  }

  #remove(item) {
    this.items = this.items.filter((each) => each !== item);
    this.#render();
    say(this.status, "chain.removed");
    this.menu.focus();
  }

  #render() {
    for (const [place, item] of this.items.entries()) {
      const title = h("span", { id: uid("e") }, editTitle(item.card.name));
      const tool = (key, text, action, options = {}) => h("button", { type: "button", class: "quiet square", label: key, onclick: action, ...options }, text);
      const tools = h("div", { class: "row tight" },
        tool("chain.up", "↑", () => this.#move(item, -1), { disabled: place === 0, "data-by": "-1" }),
        tool("chain.down", "↓", () => this.#move(item, 1), { disabled: place === this.items.length - 1, "data-by": "1" }),
        tool("chain.remove", "✕", () => this.#remove(item)));
      item.node = h("div", { role: "group", "aria-labelledby": title.id }, h("div", { class: "row between" }, h("h3", {}, title), tools),
        has(`edit.${item.card.name}.help`) && h("p", { class: "help", t: `edit.${item.card.name}.help` }), item.form.node);
    }
    replace(this.list, ...this.items.map(({ node }) => h("li", {}, node)));
    this.empty.hidden = this.items.length > 0;
    this.context.onchange();
  }

  /** What goes into a request. */
  edits() {
    return this.items.map(({ card, form }) => {
      const params = form.params();
      return Object.keys(params).length ? { [card.name]: params } : card.name;
    });
  }

  pictures() {
    return Object.fromEntries(this.items.flatMap(({ form }) => form.pictures()));
  }

  /** The first field that is not filled in as it must be, after it was shown to the person. */
  invalid() {
    const wrong = [...this.list.querySelectorAll("input, select")].find((node) => !node.hidden && !node.checkValidity());
    wrong?.reportValidity();
    return wrong;
  }

  get random() {
    return this.items.some(({ card }) => card.name === "vary");
  }
}
