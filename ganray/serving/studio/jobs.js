// The tab Jobs: bulk jobs of a server that has them, how far they are, and a new one.
import { ask } from "./api.js";
import { button, field, h, quote, replace, say, select, show, word } from "./dom.js";
import { language } from "./language.js";
import { JobView } from "./job_view.js";
import { Snippet } from "./snippet.js";
import { asked, modelNamed, nameOf, on, server } from "./state.js";
import { Work, errorBox } from "./work.js";

const EVERY_MS = 3000;
const RUNNING = ["queued", "running"];
const MOST = 500; // combinations that are written out at once

/** Whether the server runs jobs, by its own description: asking for them would be an error in the console of a server without. */
export async function serverHasJobs() {
  try {
    const { paths } = await ask("../openapi.json");
    return Object.keys(paths).some((path) => path.endsWith("/v1/jobs"));
  } catch {
    return false;
  }
}

class Jobs {
  constructor() {
    this.model = select([], undefined, () => this.snippet.refresh());
    this.lines = h("textarea", { rows: 8, spellcheck: false, required: true, hint: "jobs.lines.hint", oninput: () => this.snippet.refresh() });
    this.format = select(["png", "jpeg", "webp", "avif"].map((each) => [each, each.toUpperCase()]), "jpeg", () => this.snippet.refresh());
    this.work = new Work();
    this.snippet = new Snippet(() => ({ path: "jobs", query: {}, json: this.#request(), out: "job" }));
    this.list = h("ul", { class: "jobs" });
    this.failed = h("div", { role: "alert" });
    this.empty = h("div", { class: "empty" }, h("p", { t: "jobs.empty" }));
    this.older = button("jobs.older", () => this.#older(), { class: "quiet", hidden: true });
    this.view = new JobView();
    this.rows = new Map();
    const form = h("form", { class: "side", onsubmit: (event) => (event.preventDefault(), this.#start()) }, h("h2", { t: "jobs.new" }), field(word("generate.model"), this.model),
      field(word("jobs.lines"), this.lines, h("p", { t: "jobs.lines.help" })),
      h("div", { class: "row" }, button("jobs.combinations", () => this.#combinations())), field(word("generate.format"), this.format),
      h("div", { class: "row" }, h("button", { type: "submit", class: "primary run", t: "jobs.start" })), this.work.node, this.snippet.node);
    const wide = h("div", { class: "wide" }, h("div", { class: "row between" }, h("h2", { t: "jobs.title" }), button("jobs.refresh", () => this.refresh(), { class: "quiet" })),
      this.failed, this.empty, this.list, this.older, this.view.node);
    this.node = h("div", { class: "columns" }, form, wide);
    on("server", () => this.#server());
    document.addEventListener("language", () => this.jobs && this.#draw(this.jobs));
    setInterval(() => this.#due() && this.refresh(), EVERY_MS);
    on("shown", (name) => name === "jobs" && this.refresh());
  }

  #due() {
    return document.visibilityState === "visible" && this.node.offsetParent !== null && this.jobs?.some(({ state }) => RUNNING.includes(state));
  }

  #server() {
    replace(this.model, ...server.models.map((model) => show(h("option", { value: nameOf(model) }), nameOf(model))));
  }

  async refresh() {
    try {
      const { jobs, next } = await ask("jobs", { query: { limit: 20 } });
      replace(this.failed);
      const older = (this.jobs ?? []).filter((job) => !jobs.some(({ id }) => id === job.id) && job.id > (jobs.at(-1)?.id ?? ""));
      if (!older.length) this.next = next;
      this.#draw([...jobs, ...older]);
    } catch (error) {
      replace(this.failed, errorBox(error));
    }
  }

  async #older() {
    try {
      const { jobs, next } = await ask("jobs", { query: { after: this.next } });
      this.next = next;
      this.#draw([...this.jobs, ...jobs]);
    } catch (error) {
      replace(this.failed, errorBox(error));
    }
  }

  #draw(jobs) {
    this.jobs = jobs;
    this.empty.hidden = jobs.length > 0;
    this.older.hidden = !this.next;
    const focused = document.activeElement?.dataset?.job;
    replace(this.list, ...jobs.map((job) => this.#row(job)));
    if (focused) this.list.querySelector(`[data-job="${focused}"]`)?.focus();
    const open = jobs.find(({ id }) => id === this.view.job?.id);
    if (open) this.view.follow(open);
  }

  #row(job) {
    const when = new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short" }).format(job.created * 1000);
    const bar = h("progress", { max: job.total || 1, value: job.total ? job.done : 0, label: "jobs.progress" });
    const left = RUNNING.includes(job.state) && job.eta_s ? h("span", { t: ["jobs.eta", { seconds: Math.ceil(job.eta_s) }] }) : null;
    const error = job.error && quote(h("p", { class: "warn" }), job.error.message);
    return h("li", { class: "job" },
      h("div", { class: "row between" }, h("div", {}, h("strong", { t: `jobs.kind.${job.kind}` }), " ", h("span", { class: `state ${job.state}`, t: `jobs.state.${job.state}` })),
        h("div", { class: "row tight" }, button("jobs.open", () => this.view.open(job), { "data-job": job.id }),
          RUNNING.includes(job.state) && button("work.cancel", () => this.#cancel(job), { class: "quiet" }))),
      bar, h("p", { class: "help" }, when, " · ", h("span", { t: ["jobs.done", { done: job.done, total: job.total ?? "?" }] }), left && " · ", left), error);
  }

  async #cancel(job) {
    await this.work.run((signal) => ask(`jobs/${job.id}/cancel`, { method: "POST", signal }));
    await this.refresh();
  }

  /** A request for every combination of the model's attributes. */
  #combinations() {
    let rows = [{}];
    for (const [name, values] of Object.entries(modelNamed(this.model.value)?.attributes ?? {})) rows = rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value }))).slice(0, MOST);
    this.lines.value = rows.map((attributes) => JSON.stringify({ id: Object.values(attributes).join("-") || "1", attributes })).join("\n");
    this.snippet.refresh();
  }

  #request() {
    const requests = [];
    for (const [place, line] of this.lines.value.split("\n").entries()) {
      if (!line.trim()) continue;
      try {
        requests.push(JSON.parse(line));
      } catch {
        this.wrong = place + 1;
      }
    }
    return { kind: "generate", requests, ...asked(this.model.value), options: { format: this.format.value } };
  }

  async #start() {
    this.wrong = 0;
    const json = this.#request();
    if (this.wrong) return say(this.work.status, "jobs.line.wrong", { line: this.wrong });
    const job = await this.work.run((signal) => ask("jobs", { method: "POST", json, signal }));
    if (!job) return undefined;
    return this.refresh();
  }
}

export const jobsTab = () => new Jobs().node;
