// Tabs as WAI-ARIA describes them: arrow keys, Home and End move, one tab is in the order of Tab.
import { h } from "./dom.js";
import { tell } from "./state.js";

export class Tabs {
  constructor(list, panels) {
    this.list = h("div", { role: "tablist", label: "page.tabs" });
    this.panels = panels;
    this.tabs = new Map();
    list.append(this.list);
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }

  add(name, content) {
    const panel = h("section", { id: `panel-${name}`, role: "tabpanel", "aria-labelledby": `tab-${name}`, hidden: true }, content);
    const tab = h("button", { id: `tab-${name}`, type: "button", role: "tab", "aria-controls": panel.id, t: `tab.${name}` });
    tab.addEventListener("click", () => this.open(name));
    this.list.append(tab);
    this.panels.append(panel);
    this.tabs.set(name, { tab, panel });
  }

  hide(name, hidden) {
    this.tabs.get(name).tab.hidden = hidden;
  }

  open(name, focus = false) {
    for (const [each, { tab, panel }] of this.tabs) {
      const chosen = each === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      panel.hidden = !chosen;
      if (chosen && focus) tab.focus();
    }
    history.replaceState(null, "", `#${name}`);
    tell("shown", name);
  }

  #key(event) {
    const names = [...this.tabs].filter(([, { tab }]) => !tab.hidden).map(([name]) => name);
    const at = names.findIndex((name) => this.tabs.get(name).tab === document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    this.open(names[(to + names.length) % names.length], true);
  }
}
