// The tab Check: a photo against the rules of a marketplace, and what mends it.
import { ask, formOf } from "./api.js";
import { editTitle, stepsOf } from "./chain.js";
import { button, field, h, quote, replace, say, select, word } from "./dom.js";
import { has } from "./language.js";
import { PhotoInput, opened } from "./photo_input.js";
import { Snippet } from "./snippet.js";
import { on, server, tell } from "./state.js";
import { Work } from "./work.js";

const STATES = ["fails", "advice", "not checked", "ok"];
const MARKS = { fails: "✕", advice: "!", "not checked": "?", ok: "✓" };
const keyOf = (state) => state.replace(" ", "_");

class Check {
  constructor() {
    this.photo = new PhotoInput((blob) => this.#photo(blob));
    this.profile = select([], undefined, () => this.#profile());
    this.source = h("p");
    this.work = new Work();
    this.run = button("check.run", () => this.#run(), { class: "primary run" });
    this.preview = h("img", { class: "result", alt: "", hidden: true });
    this.cannot = h("p", { class: "help", t: "photo.unseen", hidden: true });
    this.report = h("div", { class: "fields" });
    this.empty = h("div", { class: "empty" }, h("p", { t: "check.empty" }));
    this.snippet = new Snippet(() => ({ path: "check", query: {}, json: this.#request(), files: { photo: this.photo.photo?.name ?? "photo.jpg" } }));
    this.node = h("div", { class: "columns" },
      h("div", { class: "side" }, h("h2", { t: "check.heading" }), this.photo.node, this.preview, this.cannot, field(word("check.profile"), this.profile, this.source), h("div", { class: "row" }, this.run), this.work.node),
      h("div", { class: "wide" }, h("h2", { class: "unseen", t: "generate.results" }), this.empty, this.report, this.snippet.node));
    on("server", () => this.#server());
    on("check", (photo) => {
      tell("open", "check");
      this.photo.set(photo);
    });
    addEventListener("paste", (event) => this.photo.pasted(event));
  }

  #server() {
    const before = this.profile.value || "amazon-main";
    replace(this.profile, ...server.profiles.map(({ name }) => quote(h("option", { value: name }), name)));
    if (server.profiles.some(({ name }) => name === before)) this.profile.value = before;
    this.#profile();
  }

  #profile() {
    const known = server.profiles.find(({ name }) => name === this.profile.value);
    if (known) say(this.source, "check.source", { version: known.version, source: known.source });
    replace(this.report);
    this.snippet.refresh();
  }

  async #photo(blob) {
    replace(this.report);
    this.work.clear();
    this.empty.hidden = true;
    if (this.image) URL.revokeObjectURL(this.image.src);
    this.image = await opened(blob).catch(() => null);
    this.cannot.hidden = this.image !== null;
    this.preview.hidden = this.image === null;
    if (this.image) this.preview.src = this.image.src;
    this.preview.alt = blob.name ?? "";
    this.snippet.refresh();
  }

  #request() {
    return { profile: this.profile.value };
  }

  async #run() {
    if (!this.photo.photo) {
      say(this.work.status, "edit.photo.first");
      return this.photo.choose.focus();
    }
    const form = formOf(this.#request(), { photo: this.photo.photo });
    const answer = await this.work.run((signal) => ask("check", { method: "POST", form, signal }));
    return answer && this.#show(answer);
  }

  #show(answer) {
    const failed = answer.findings.filter(({ state }) => state === "fails").length;
    const verdict = h("div", { class: `box verdict ${answer.ok ? "good" : "error"}`, role: "status" },
      h("strong", { t: answer.ok ? "check.passes" : ["check.fails", { count: failed }] }),
      h("p", { class: "help", t: ["check.rules", { profile: answer.profile, day: answer.day ?? answer.version }] }));
    const groups = STATES.map((state) => this.#group(state, answer.findings.filter((finding) => finding.state === state)));
    replace(this.report, verdict, this.#mending(answer), groups, this.#byEye());
  }

  #mending({ mending, ok }) {
    if (!mending.length) return ok ? null : h("p", { t: "check.nothing" });
    const chain = h("p", { class: "steps" }, stepsOf(mending).flatMap(({ name }, place) => [place ? " → " : "", editTitle(name)]));
    const apply = button("check.apply", () => tell("edit", { photo: this.photo.photo, edits: mending }), { class: "primary" });
    return h("div", { class: "box" }, h("h3", { t: "check.mending" }), chain, apply);
  }

  #group(state, findings) {
    if (!findings.length) return null;
    const list = h("ul", { class: "findings" }, findings.map((finding) => this.#finding(finding)));
    return h("details", { open: state !== "ok" && state !== "not checked", class: "group" }, h("summary", { t: [`state.${keyOf(state)}`, { count: findings.length }] }), list);
  }

  #finding({ rule, state, found, wanted, mend, since }) {
    const title = has(`rule.${rule}`) ? h("strong", { t: `rule.${rule}` }) : quote(h("strong"), rule.replaceAll("_", " "));
    const pair = (key, text) => h("div", {}, h("dt", { t: key }), quote(h("dd"), text));
    const facts = h("dl", {}, pair("check.found", found), state !== "not checked" && pair("check.wanted", wanted),
      mend && state !== "ok" && pair("check.mend", mend), since && pair("check.since", since));
    return h("li", { class: `finding ${keyOf(state)}` }, h("span", { class: "mark", "aria-hidden": "true" }, MARKS[state]), h("div", {}, title, facts));
  }

  #byEye() {
    const rules = server.profiles.find(({ name }) => name === this.profile.value)?.rules.by_eye ?? [];
    return rules.length ? h("div", {}, h("h3", { t: "check.eye" }), h("ul", { class: "plain" }, rules.map((rule) => quote(h("li"), rule)))) : null;
  }
}

export const checkTab = () => new Check().node;
