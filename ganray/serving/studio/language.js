// The words of the page: a dictionary a language. A node names its text by key and is written again when the language changes.
import en from "./en.js";
import zh from "./zh.js";

const DICTIONARIES = { en, zh };
export const LANGUAGES = { en: "English", zh: "中文" };
let current = "en";

export function language() {
  return current;
}

export const has = (key) => key in en;

/** The text of a key, with {names} filled in. Numbers are written as the language does. */
export function t(key, values = {}) {
  const text = DICTIONARIES[current][key] ?? en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? new Intl.NumberFormat(current, { maximumFractionDigits: 4 }).format(value) : String(value ?? "");
  });
}

export function translate(node) {
  node.textContent = t(node.dataset.t, node.tValues);
}

export function setLanguage(code) {
  current = code in DICTIONARIES ? code : "en";
  document.documentElement.lang = current === "zh" ? "zh-Hans" : current;
  document.title = t("page.title");
  for (const node of document.querySelectorAll("[data-t]")) translate(node);
  for (const node of document.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
  for (const node of document.querySelectorAll("[data-t-hint]")) node.setAttribute("placeholder", t(node.dataset.tHint));
  document.dispatchEvent(new CustomEvent("language"));
}

/** What the browser asks for, of the languages that there are. */
export function preferredLanguage() {
  const asked = navigator.languages?.length ? navigator.languages : [navigator.language || "en"];
  return asked.map((each) => each.slice(0, 2).toLowerCase()).find((each) => each in DICTIONARIES) ?? "en";
}
