// What an edit measured, in words.
import { h, quote, word } from "./dom.js";
import { has } from "./language.js";

const SHARES = ["doubt", "newly_clipped", "fill", "matte_agreement", "recoloured"];
const DOUBTFUL = 0.1; // of the product: from here on a person should look (as jobs of edits have it)

/** A list of { facts }, and of the picture's size. */
export function factList(image, bytes) {
  const format = image.media_type.split("/")[1].toUpperCase();
  const size = { width: String(image.width), height: String(image.height), format, kilobytes: Math.max(1, Math.round(bytes / 1000)) };
  const lines = [h("li", { t: ["fact.size", size] })];
  for (const [name, value] of Object.entries(image.facts)) lines.push(h("li", { class: name === "doubt" && value >= DOUBTFUL ? "warn" : "" }, line(name, value)));
  return h("ul", { class: "facts" }, lines);
}

function line(name, value) {
  if (has(`fact.${name}.${value}`)) return word(`fact.${name}.${value}`);
  const shown = typeof value === "number" && (name.endsWith("_share") || SHARES.includes(name)) ? Math.round(value * 1000) / 10 : value;
  return has(`fact.${name}`) ? word(`fact.${name}`, { value: shown }) : quote(h("span"), `${name.replaceAll("_", " ")}: ${value}`);
}
