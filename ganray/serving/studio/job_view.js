// What a job has made: a gallery with filters, and what was left out and why. Pages are read as they are asked for.
import { ask, fetchBlob } from "./api.js";
import { button, field, h, quote, replace, save, say, select, show, word } from "./dom.js";
import { describe } from "./gallery.js";
import { tell } from "./state.js";
import { errorBox } from "./work.js";

const PAGE = 60;
const DOUBTFUL = 0.1; // of the product: from here on a job says that a person should look
const SHOWN = 6; // attributes with a menu

export class JobView {
  constructor() {
    this.title = h("h3", { tabIndex: -1, t: "results.title" });
    this.kind = select([["made", { t: "results.made" }], ["doubt", { t: "results.doubt" }], ["left", { t: "results.left" }]], "made", () => this.#reload());
    this.text = h("input", { type: "search", hint: "results.search.hint", autocomplete: "off", oninput: () => this.#filter() });
    this.menus = h("div", { class: "filters" });
    this.count = h("p", { role: "status", class: "help" });
    this.grid = h("ul", { class: "grid" });
    this.error = h("div", { role: "alert" });
    this.empty = h("p", { class: "help", t: "results.none", hidden: true });
    this.more = button("results.more", () => this.#page(), { hidden: true });
    this.node = h("section", { class: "box tool", hidden: true, label: "results.title" },
      h("div", { class: "row between" }, this.title, button("page.close", () => this.close(), { class: "quiet" })),
      h("div", { class: "filters" }, field(word("results.kind"), this.kind), field(word("results.search"), this.text)), this.menus, this.count, this.empty, this.grid,
      h("div", { class: "row" }, this.more), this.error);
    this.seen = new IntersectionObserver((entries) => entries.filter(({ isIntersecting }) => isIntersecting).forEach(({ target }) => this.#load(target)), { rootMargin: "200px" });
    this.rows = [];
  }

  async open(job) {
    this.job = job;
    this.opener = document.activeElement;
    this.node.hidden = false;
    await this.#reload();
    this.title.focus();
    this.node.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.job = null;
    this.#forget();
    this.node.hidden = true;
    if (this.opener?.isConnected) this.opener.focus();
  }

  /** The job has moved on: a gallery that was short is read again. */
  follow(job) {
    const grown = job.done > this.job.done || job.state !== this.job.state;
    this.job = job;
    if (grown && this.rows.length < PAGE) this.#reload();
  }

  #forget() {
    this.seen.disconnect();
    for (const { url } of this.rows) if (url) URL.revokeObjectURL(url);
    this.rows = [];
  }

  async #reload() {
    const turn = (this.turn = {});
    this.#forget();
    this.offset = 0;
    await this.#page(turn);
  }

  async #page(turn = this.turn) {
    replace(this.error);
    try {
      const quarantined = this.kind.value === "left" ? "true" : "";
      const { results, next } = await ask(`jobs/${this.job.id}/results`, { query: { offset: this.offset, limit: PAGE, quarantined } });
      if (turn !== this.turn || !this.job) return;
      this.rows.push(...results.map((row) => ({ row, card: this.#card(row) })));
      this.offset = next;
      this.more.hidden = next === null;
      this.#menus();
      this.#filter();
    } catch (error) {
      replace(this.error, errorBox(error));
    }
  }

  #card(row) {
    if (row.reason) return h("li", { class: "card left" }, h("p", { class: "caption" }, this.#name(row)), quote(h("p", { class: "help" }), `${row.reason}: ${row.message}`));
    const attributes = show(h("p", { class: "help" }), Object.values(row.attributes ?? {}).join(", "));
    return h("li", { class: "card" }, h("div", { class: "picture wait" }), h("p", { class: "caption" }, this.#name(row)), attributes, h("div", { class: "actions" }));
  }

  #name = (row) => show(h("span"), row.index ? `${row.id} · ${row.index + 1}` : row.id);

  async #load(card) {
    this.seen.unobserve(card);
    const entry = this.rows.find((each) => each.card === card);
    if (!entry || entry.url || !entry.row.name) return;
    try {
      const blob = await fetchBlob(`jobs/${this.job.id}/results/${entry.row.name}`);
      entry.url = URL.createObjectURL(blob);
      const name = entry.row.name.split("/").at(-1);
      const item = { blob, name, attributes: entry.row.attributes ?? {} };
      const file = new File([blob], name, { type: blob.type });
      replace(card.querySelector(".picture"), h("img", { src: entry.url, alt: describe(item) }));
      card.querySelector(".picture").classList.remove("wait");
      card.querySelector(".actions").append(button("gallery.download", () => save(blob, name)), button("gallery.edit", () => tell("edit", { photo: file })), button("gallery.check", () => tell("check", file)));
    } catch {
      say(card.querySelector(".picture"), "results.missing");
    }
  }

  /** A menu for each attribute, of the values that were read so far. */
  #menus() {
    const values = new Map();
    for (const { row } of this.rows) for (const [name, value] of Object.entries(row.attributes ?? {})) values.set(name, (values.get(name) ?? new Set()).add(value));
    const before = this.chosen ?? new Map();
    this.chosen = new Map([...values].slice(0, SHOWN).map(([name, set]) => {
      const kept = set.has(before.get(name)?.value) ? before.get(name).value : "";
      return [name, select([["", { t: "generate.any" }], ...[...set].sort().map((value) => [value, value])], kept, () => this.#filter())];
    }));
    replace(this.menus, ...[...this.chosen].map(([name, menu]) => field(show(h("span", { class: "name" }), name), menu)));
  }

  #filter() {
    const text = this.text.value.trim().toLowerCase();
    const fits = ({ row }) => JSON.stringify([row.id, row.name, row.title, row.reason]).toLowerCase().includes(text)
      && (this.kind.value !== "doubt" || row.doubt >= DOUBTFUL) && [...this.chosen].every(([name, menu]) => !menu.value || row.attributes?.[name] === menu.value);
    const shown = this.rows.filter(fits);
    replace(this.grid, ...shown.map(({ card }) => card));
    for (const { card, url, row } of shown) if (!url && row.name) this.seen.observe(card);
    this.empty.hidden = shown.length > 0;
    say(this.count, "results.count", { shown: shown.length, read: this.rows.length });
  }
}
