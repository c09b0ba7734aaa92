// A request that takes a while: a bar, the seconds so far, a way to cancel, and what went wrong in the server's words.
import { button, h, quote, replace, say, word } from "./dom.js";
import { tell } from "./state.js";

export class Work {
  constructor() {
    this.node = h("div", { class: "work" });
    this.status = h("p", { role: "status", class: "status" });
    this.bar = h("div", { class: "progress", "aria-hidden": "true", hidden: true }, h("i"));
    this.cancel = button("work.cancel", () => this.controller?.abort(), { class: "quiet", hidden: true });
    this.error = h("div", { role: "alert" });
    this.node.append(this.bar, h("div", { class: "row" }, this.status, this.cancel), this.error);
    this.controller = null;
  }

  get busy() {
    return this.controller !== null;
  }

  /** Run `job(signal)`; an earlier one is cancelled. Returns its value, or undefined where it failed or was cancelled: this shows why. */
  async run(job, key = "work.running") {
    this.controller?.abort();
    const controller = (this.controller = new AbortController());
    this.error.replaceChildren();
    this.bar.hidden = this.cancel.hidden = false;
    const began = performance.now();
    say(this.status, key, { seconds: 0 });
    const timer = setInterval(() => this.#tick(key, began), 1000);
    try {
      const value = await job(controller.signal);
      if (this.controller !== controller) return undefined;
      say(this.status, "work.done", { seconds: Math.round((performance.now() - began) / 100) / 10 });
      return value;
    } catch (error) {
      if (this.controller === controller) this.#failed(error);
      return undefined;
    } finally {
      clearInterval(timer);
      if (this.controller === controller) {
        const focused = document.activeElement === this.cancel;
        this.controller = null;
        this.bar.hidden = this.cancel.hidden = true;
        if (focused) tell("focus", this.node);
      }
    }
  }

  #tick(key, began) {
    this.status.tValues = { seconds: Math.round((performance.now() - began) / 1000) };
    this.status.ariaLive = "off"; // seconds are seen, not read out
    say(this.status, key, this.status.tValues);
    this.status.ariaLive = null;
  }

  #failed(error) {
    if (error.name === "AbortError") return void say(this.status, "work.cancelled");
    this.status.textContent = "";
    delete this.status.dataset.t;
    this.error.append(errorBox(error));
  }

  clear() {
    this.error.replaceChildren();
    delete this.status.dataset.t;
    this.status.textContent = "";
  }
}

/** What went wrong and what to do. Messages of the server are English; what the page itself knows is in its language. */
export function errorBox(error) {
  const box = h("div", { class: "box error" });
  if (error.status === undefined) console.error(error); // a mistake of this page, not an answer
  if (!error.status) return replace(box, h("strong", { t: error.status === 0 ? "error.unreachable" : "error.page" }));
  box.append(quote(h("strong"), error.message || `HTTP ${error.status}`));
  if (error.remedy) box.append(quote(h("p"), error.remedy));
  if (error.status === 401 || error.status === 403) box.append(h("p", {}, button("error.key", () => tell("key"))));
  if (error.retryAfter) box.append(h("p", { t: ["error.retry", { seconds: error.retryAfter }] }));
  const facts = [error.status, error.reason || error.code, error.requestId].filter(Boolean).join(" · ");
  box.append(h("p", { class: "help" }, word("error.code"), " ", facts));
  return box;
}
