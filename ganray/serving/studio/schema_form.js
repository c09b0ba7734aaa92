// A form of an edit's parameters, made from the JSON schema of GET /v1/edits. Only what differs from the defaults is sent.
import { field, h, quote, select, show, uid } from "./dom.js";
import { has } from "./language.js";
import { PicturePicker } from "./picture_picker.js";
import { server } from "./state.js";

const isPicture = (name, schema, card) => name === card.picture_in || /request's picture/.test(schema.description ?? "");
const options = (schema) => schema.anyOf ?? [schema];
const numberOf = (schema) => options(schema).find((each) => each.type === "integer" || each.type === "number");
const wordsOf = (schema) => options(schema).find((each) => each.enum)?.enum;

/** #rrggbb of that or of a cloth's name, as the server reads names; undefined of others. */
function codeOf(text) {
  const name = text.toLowerCase().replace(/[\s_-]/g, "").replace("gray", "grey");
  return /^#[0-9a-f]{6}$/.test(name) ? name : server.colours[name];
}

/** Words of the page's where it knows the parameter, else the server's. */
function words(kind, edit, name, text) {
  const key = [`${kind}.${edit}.${name}`, `${kind}.${name}`].find(has);
  return key ? h("span", { t: key }) : quote(h("span"), text);
}

export class ParamForm {
  /** `context` is { attributes(), onchange(), mask(picker) }: the model's attributes; what to do on a change and to draw a mask. */
  constructor(card, initial, context) {
    this.card = card;
    this.context = context;
    this.required = new Set(card.params.required ?? []);
    this.controls = new Map();
    this.node = h("div", { class: "fields" });
    for (const [name, schema] of Object.entries(card.params.properties ?? {})) this.#add(name, schema, initial[name]);
  }

  #add(name, schema, value) {
    const control = this.#control(name, schema, value ?? schema.default);
    this.controls.set(name, { ...control, schema });
    const label = words("param", this.card.name, name, schema.title ?? name);
    if (control.group) return void this.node.append(h("fieldset", {}, h("legend", {}, label), control.node));
    const help = h("p", {}, words("help", this.card.name, name, schema.description ?? ""));
    if (control.plain) return void this.node.append(field(label, control.node), control.further);
    if (control.check) return void this.node.append(h("div", { class: "field" }, h("label", { class: "check" }, control.node, label), help, this.#described(control.node, help)));
    this.node.append(control.wide ? h("div", { class: "field" }, h("span", { class: "label" }, label), control.node, help) : field(label, control.node, help));
    help.className = "help";
  }

  #described(node, help) {
    help.id = uid("h");
    help.className = "help";
    node.setAttribute("aria-describedby", help.id);
    return null;
  }

  #control(name, schema, value) {
    if (isPicture(name, schema, this.card)) return this.#picture(name);
    if (name === "profile") return this.#menu(server.profiles.map((profile) => [profile.name, profile.name]), value);
    if (schema.type === "object") return this.#attributes(value ?? {});
    if (schema.type === "boolean") return this.#boolean(value);
    if (wordsOf(schema) && numberOf(schema)) return this.#strength(schema, value);
    if (wordsOf(schema)) return this.#menu(wordsOf(schema).map((each) => [each, each ? each : { t: "param.default" }]), value);
    if (numberOf(schema)) return this.#number(numberOf(schema), value, options(schema).some((each) => each.type === "null"));
    return name === "colour" ? this.#colour(value) : this.#text(value);
  }

  #picture(name) {
    const picker = new PicturePicker(name, this.context);
    return { node: picker.node, wide: true, picker, value: () => picker.blob && picker.name };
  }

  #menu(choices, value) {
    const node = select(choices, value, this.context.onchange);
    return { node, value: () => node.value };
  }

  #attributes(value) {
    const menus = Object.entries(this.context.attributes()).map(([name, values]) =>
      [name, select([["", { t: "param.keep" }], ...values.map((each) => [each, each])], value[name] ?? "", this.context.onchange)]);
    const node = h("div", { class: "fields" }, menus.map(([name, menu]) => field(show(h("span", { class: "name" }), name), menu)));
    return { node, group: true, value: () => Object.fromEntries(menus.filter(([, menu]) => menu.value).map(([name, menu]) => [name, menu.value])) };
  }

  #boolean(value) {
    const node = h("input", { type: "checkbox", checked: value, onchange: this.context.onchange });
    return { node, check: true, value: () => node.checked };
  }

  /** auto, off or a number. */
  #strength(schema, value) {
    const { minimum, maximum } = numberOf(schema);
    const number = h("input", { type: "number", min: minimum, max: maximum, step: 0.1, value: typeof value === "number" ? value : maximum, label: "param.strength" });
    const choices = [...wordsOf(schema).map((each) => [each, { t: `param.${each}` }]), ["#", { t: "param.strength" }]];
    const change = () => {
      number.hidden = menu.value !== "#";
      this.context.onchange();
    };
    number.addEventListener("change", change);
    const menu = select(choices, typeof value === "number" ? "#" : value, change);
    number.hidden = menu.value !== "#";
    return { node: menu, further: number, plain: true, value: () => (menu.value === "#" ? Number(number.value) : menu.value) };
  }

  #number(schema, value, optional) {
    const least = schema.minimum ?? schema.exclusiveMinimum;
    const step = schema.type === "integer" ? 1 : "any";
    const node = h("input", { type: "number", min: least, max: schema.maximum, step, value: value ?? "", required: !optional, onchange: this.context.onchange });
    return { node, value: () => (node.value === "" ? null : Number(node.value)) };
  }

  #colour(value) {
    const names = h("datalist", { id: uid("c") }, Object.keys(server.colours).map((name) => h("option", { value: name })));
    const text = h("input", { type: "text", value: value ?? "", maxLength: 40, autocomplete: "off", label: "param.colour.text", list: names.id, onchange: this.context.onchange });
    const picker = h("input", { type: "color", label: "param.colour.pick" });
    const shown = () => (picker.value = codeOf(text.value) ?? "#808080");
    shown();
    text.addEventListener("input", shown);
    picker.addEventListener("input", () => (text.value = picker.value, this.context.onchange()));
    return { node: h("div", { class: "colour" }, picker, text, names), wide: true, value: () => text.value.trim() };
  }

  #text(value) {
    const node = h("input", { type: "text", value: value ?? "", maxLength: 200, autocomplete: "off", onchange: this.context.onchange });
    return { node, value: () => node.value.trim() };
  }

  /** The parameters that differ from the defaults, and those that are required. */
  params() {
    const params = {};
    for (const [name, { value, schema }] of this.controls) {
      const now = value();
      if (now === undefined || now === null || Number.isNaN(now)) continue;
      if (this.required.has(name) || this.#picked(name) || JSON.stringify(now) !== JSON.stringify(schema.default)) params[name] = now;
    }
    return params;
  }

  #picked(name) {
    return Boolean(this.controls.get(name).picker?.blob);
  }

  /** The pictures that parameters name: [name, blob]. */
  pictures() {
    return [...this.controls.values()].filter(({ picker }) => picker?.blob).map(({ picker }) => [picker.name, picker.blob]);
  }

  get maskPicker() {
    return [...this.controls.values()].find(({ picker }) => picker?.isMask)?.picker;
  }
}
