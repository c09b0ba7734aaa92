// A request as curl and as Python. The key is named by a variable, never written.
import { address, hasKey } from "./api.js";
import { button, h, say, select } from "./dom.js";

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** `request` is { path, query, json, files: { part: file name }, out }: `json` as body, or as the part `request` beside files. */
export function asCurl({ path, query, json, files, out }) {
  const lines = [`curl -sS -X POST ${shell(String(address(path, query)))}`];
  if (hasKey()) lines.push('-H "Authorization: Bearer $GANRAY_KEY"');
  lines.push("-H 'Accept: application/json'");
  if (files) {
    for (const [part, name] of Object.entries(files)) lines.push(`-F ${shell(`${part}=@"${name.replaceAll(/["\\]/g, "\\$&")}"`)}`);
    lines.push(`--form-string ${shell(`request=${JSON.stringify(json)}`)}`);
  } else {
    lines.push("-H 'Content-Type: application/json'", `-d ${shell(JSON.stringify(json))}`);
  }
  if (out) lines.push(`-o ${out}.json`);
  return lines.join(" \\\n  ");
}

export function asPython({ path, query, json, files, images }) {
  const lines = [files ? "import json" : "", images ? "import base64" : "", hasKey() ? "import os" : ""].filter(Boolean).sort();
  if (images) lines.push("from pathlib import Path");
  lines.push("", "import httpx", "", `request = ${python(json)}`);
  const options = ['headers=headers', "timeout=120"];
  lines.push(hasKey() ? 'headers = {"Accept": "application/json", "Authorization": f"Bearer {os.environ[\'GANRAY_KEY\']}"}' : 'headers = {"Accept": "application/json"}');
  if (files) {
    const parts = Object.entries(files).map(([part, name]) => `${python(part)}: open(${python(name)}, "rb")`);
    lines.push(`files = {${parts.join(", ")}}`);
    options.unshift('data={"request": json.dumps(request)}', "files=files");
  } else options.unshift("json=request");
  lines.push(`reply = httpx.post(${python(String(address(path, query)))}, ${options.join(", ")})`, "reply.raise_for_status()");
  if (images) {
    lines.push('answer = reply.json()', 'for image in answer["images"]:', '    suffix = image.get("media_type", answer.get("media_type")).split("/")[1]');
    lines.push('    Path(f"{image[\'name\']}.{suffix}").write_bytes(base64.b64decode(image["data"]))');
  } else lines.push("print(reply.json())");
  return lines.join("\n");
}

function python(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${python(each)}`).join(", ")}}`;
}

/** The request that a form stands for, to copy. `describe()` gives it; it is asked whenever the snippet is open and the form changes. */
export class Snippet {
  constructor(describe) {
    this.describe = describe;
    this.code = h("code");
    this.kind = select([["curl", "curl"], ["python", "Python"]], "curl", () => this.refresh(), { label: "snippet.language" });
    this.copied = h("span", { role: "status", class: "help" });
    const copy = button("snippet.copy", () => this.#copy(), { class: "quiet" });
    const pre = h("pre", { tabIndex: 0, role: "region", label: "snippet.title" }, this.code);
    // The click comes before the element opens and `toggle` some time after it: with the click alone, nobody sees an empty box.
    // `toggle` stays for what opens without a click, such as the browser's search in the page.
    const title = h("summary", { t: "snippet.title", onclick: () => this.#fill() });
    this.node = h("details", { class: "snippet", ontoggle: () => this.refresh() }, title,
      h("div", { class: "row" }, this.kind, copy, this.copied), pre);
  }

  refresh() {
    if (this.node.open) this.#fill();
  }

  #fill() {
    const request = this.describe();
    this.code.textContent = this.kind.value === "curl" ? asCurl(request) : asPython(request);
    this.copied.textContent = "";
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.code.textContent);
      say(this.copied, "snippet.copied");
    } catch {
      getSelection().selectAllChildren(this.code); // no permission, or no https: the text is marked for the person to copy
      say(this.copied, "snippet.marked");
    }
  }
}
