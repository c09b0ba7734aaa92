// What the server can do, and what the tabs hand to each other.
import { ask } from "./api.js";

export const server = { models: [], edits: [], colours: {}, profiles: [], jobs: false };
const listeners = {};

export function on(name, listener) {
  (listeners[name] ??= []).push(listener);
}

export function tell(name, value) {
  for (const listener of listeners[name] ?? []) listener(value);
}

/** Read what the server offers, and tell the tabs. Raises ApiError. */
export async function load() {
  const [models, edits, profiles] = await Promise.all([ask("models"), ask("edits"), ask("profiles")]);
  Object.assign(server, { models: models.models, edits: edits.edits, colours: edits.colours, profiles: profiles.profiles });
  tell("server", server);
}

export const modelNamed = (name) => server.models.find((model) => nameOf(model) === name);
export const nameOf = (model) => model.name || model.digest.slice(0, 12);
export const editNamed = (name) => server.edits.find((edit) => edit.name === name);
export const canEdit = (name) => editNamed(name) !== undefined;

/** The query that names a model; a server of one model needs none. */
export const asked = (name) => (server.models.length > 1 ? { model: name } : {});
