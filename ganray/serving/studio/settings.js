// Language, colours and the API key, at the top of the page.
import { hasKey, keyIsKept, useKey } from "./api.js";
import { button, field, h, say, select, word } from "./dom.js";
import { LANGUAGES, language, preferredLanguage, setLanguage } from "./language.js";
import { on } from "./state.js";

const KEPT = { language: "ganray-language", theme: "ganray-theme" };

function remember(name, value) {
  try {
    localStorage.setItem(KEPT[name], value);
  } catch { /* a browser that keeps nothing: the choice holds while the page is open */ }
}

function remembered(name) {
  try {
    return localStorage.getItem(KEPT[name]);
  } catch {
    return null;
  }
}

/** Before anything is drawn: the person's choices, or what the browser asks for. */
export function restore() {
  document.documentElement.dataset.theme = remembered("theme") ?? "auto";
  setLanguage(remembered("language") ?? preferredLanguage());
}

export function settings(onkey) {
  const theme = select(["auto", "light", "dark"].map((each) => [each, { t: `theme.${each}` }]), document.documentElement.dataset.theme, () => {
    document.documentElement.dataset.theme = theme.value;
    remember("theme", theme.value);
  }, { label: "theme.label" });
  const words = select(Object.entries(LANGUAGES), language(), () => {
    setLanguage(words.value);
    remember("language", words.value);
  }, { label: "language.label" });
  return [words, theme, keyField(onkey)];
}

function keyField(onkey) {
  const input = h("input", { type: "password", autocomplete: "off", spellcheck: false });
  const keep = h("input", { type: "checkbox", checked: keyIsKept() });
  const state = h("span", { role: "status", class: "help" });
  const use = async (value) => {
    useKey(value, keep.checked);
    input.value = "";
    say(state, hasKey() ? "key.used" : "key.none");
    await onkey();
  };
  const form = h("form", { onsubmit: (event) => (event.preventDefault(), use(input.value)) },
    field(word("key.label"), input, h("p", { t: "key.help" })),
    h("label", { class: "check" }, keep, word("key.keep")),
    h("div", { class: "row" }, h("button", { type: "submit", class: "primary", t: "key.use" }), button("key.forget", () => use(""), { class: "quiet" }), state));
  const summary = h("summary", { t: "key.title" });
  const node = h("details", { class: "menu" }, summary, h("div", { class: "menu-body" }, form));
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    node.open = false;
    summary.focus();
  });
  document.addEventListener("pointerdown", (event) => node.contains(event.target) || (node.open = false));
  on("key", () => {
    node.open = true;
    input.focus();
  });
  return node;
}
