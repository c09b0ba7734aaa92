// Begins the page: settings, tabs, and what the server can do.
import { checkTab } from "./check.js";
import { button, replace } from "./dom.js";
import { editTab } from "./edit.js";
import { generateTab } from "./generate.js";
import { jobsTab, serverHasJobs } from "./jobs.js";
import { restore, settings } from "./settings.js";
import { load, on } from "./state.js";
import { Tabs } from "./tabs.js";
import { errorBox } from "./work.js";

restore();
const notice = document.getElementById("notice");
const tabs = new Tabs(document.getElementById("tabs"), document.getElementById("panels"));
const begun = { generate: generateTab(), edit: editTab(), check: checkTab(), jobs: jobsTab() };
for (const [name, content] of Object.entries(begun)) tabs.add(name, content);
tabs.hide("jobs", true);
document.getElementById("settings").append(...settings(start));
on("open", (name) => {
  tabs.open(name, true);
  scrollTo({ top: 0 });
});
on("focus", (node) => node.closest("[role=tabpanel]")?.querySelector("button.run")?.focus());
document.body.addEventListener("dragover", (event) => event.preventDefault()); // a photo dropped beside its field is not opened as a page
document.body.addEventListener("drop", (event) => event.preventDefault());
const wanted = location.hash.slice(1);
tabs.open(wanted in begun && wanted !== "jobs" ? wanted : "generate");
await start();
if (wanted === "jobs") tabs.open(tabs.tabs.get("jobs").tab.hidden ? "generate" : "jobs");

async function start() {
  document.body.setAttribute("aria-busy", "true");
  try {
    await load();
    replace(notice);
  } catch (error) {
    const box = errorBox(error);
    box.append(button("page.again", start, { class: "quiet" }));
    replace(notice, box);
  }
  tabs.hide("jobs", !(await serverHasJobs()));
  document.body.removeAttribute("aria-busy");
}
