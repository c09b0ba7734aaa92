// Elements are made here and nowhere else: text goes in as text, so that no name, title or message of a server can be markup.
import { t, translate } from "./language.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element. `options` are properties; on* are listeners; `t`, `label`, `hint` are keys of the dictionary for text, aria-label, placeholder. */
export function h(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) apply(node, name, value);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function apply(node, name, value) {
  if (value === undefined || value === null) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "t") say(node, ...[].concat(value));
  else if (name === "label") node.dataset.tLabel = value, node.setAttribute("aria-label", t(value));
  else if (name === "hint") node.dataset.tHint = value, node.setAttribute("placeholder", t(value));
  else if (name === "class") node.className = value;
  else if (name.includes("-") || name === "role" || name === "for" || name === "list" || name === "lang") node.setAttribute(name, value);
  else node[name] = value;
}

/** Give a node a text of the dictionary; it follows the language from now on. */
export function say(node, key, values = {}) {
  node.dataset.t = key;
  node.tValues = values;
  translate(node);
  return node;
}

/** Give a node a text of the shop's, in whatever language: a name, an attribute, a title. */
export function show(node, text) {
  delete node.dataset.t;
  node.removeAttribute("lang");
  node.textContent = text;
  return node;
}

/** Give a node a text of the server's, which is English. */
export function quote(node, text) {
  show(node, text).lang = "en";
  return node;
}

let last = 0;
export const uid = (prefix) => `${prefix}-${++last}`;

/** A label, its control and, where there is one, a line that explains it. `label` and `help` are nodes. */
export function field(label, control, help = null) {
  control.id ||= uid("f");
  const children = [h("label", { for: control.id }, label), control];
  if (help) {
    help.id = uid("h");
    help.classList.add("help");
    control.setAttribute("aria-describedby", help.id);
    children.push(help);
  }
  return h("div", { class: "field" }, children);
}

export const word = (key, values) => h("span", { t: [key, values] });

export function button(key, onclick, options = {}) {
  return h("button", { type: "button", t: key, onclick, ...options });
}

/** A small drawing that says nothing to a screen reader: its button has words. */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

export function replace(node, ...children) {
  node.replaceChildren(...children.flat().filter(Boolean));
  return node;
}

export function select(options, value, onchange, extra = {}) {
  const node = h("select", { onchange, ...extra }, options.map(([each, label]) => {
    const option = h("option", { value: each });
    if (typeof label === "string") option.textContent = label;
    else say(option, label.t, label.values);
    return option;
  }));
  if (value !== undefined) node.value = value;
  return node;
}

export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
