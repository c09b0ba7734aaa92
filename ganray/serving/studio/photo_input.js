// A photo comes in by the file picker, by dropping or by pasting.
import { button, h, say } from "./dom.js";

export const MAX_BYTES = 40_000_000; // what the API reads
const ACCEPT = "image/*,.heic,.heif,.avif,.tif,.tiff";

export class PhotoInput {
  /** `onphoto(blob)` is called for each photo; the last one is `photo`. */
  constructor(onphoto, key = "photo.drop") {
    this.onphoto = onphoto;
    this.photo = null;
    this.input = h("input", { type: "file", accept: ACCEPT, hidden: true });
    this.input.addEventListener("change", () => this.#take(this.input.files[0]));
    this.choose = button("photo.choose", () => this.input.click(), { class: "primary" });
    this.note = h("p", { class: "help", t: key });
    this.error = h("p", { role: "alert", class: "warn" });
    this.node = h("div", { class: "drop" }, this.choose, this.input, this.note, this.error);
    this.#dropping(this.node);
  }

  #dropping(node) {
    node.addEventListener("dragover", (event) => {
      event.preventDefault();
      node.classList.add("over");
    });
    node.addEventListener("dragleave", () => node.classList.remove("over"));
    node.addEventListener("drop", (event) => {
      event.preventDefault();
      node.classList.remove("over");
      this.#take(event.dataTransfer.files[0]);
    });
  }

  /** Paste while the panel that holds this is open; text fields keep their own pasting. */
  pasted(event) {
    const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
    if (!file || this.node.closest("[hidden]")) return;
    event.preventDefault();
    this.#take(file);
  }

  #take(file) {
    this.input.value = "";
    this.error.textContent = "";
    if (!file) return;
    if (file.size > MAX_BYTES) return void say(this.error, "photo.large", { megabytes: Math.round(MAX_BYTES / 1e6) });
    this.set(file);
  }

  set(blob) {
    this.photo = blob;
    this.node.classList.add("small");
    say(this.choose, "photo.other");
    this.choose.className = "quiet";
    say(this.note, "photo.known", { name: blob.name ?? "photo", kilobytes: Math.max(1, Math.round(blob.size / 1000)) });
    this.onphoto(blob);
  }
}

/** A picture's blob as an image that is ready, with its URL. Raises where the browser cannot show it. */
export async function opened(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  await image.decode();
  return image;
}

export const suffixOf = (type) => ({ "image/jpeg": "jpg", "image/svg+xml": "svg" }[type] ?? type.split("/")[1] ?? "bin");
