// The public API. Its address is told from that of this module, so that the page works under any prefix.
const BASE = new URL("../v1/", import.meta.url);
const KEPT = "ganray-key";
let key = sessionStorage.getItem(KEPT) ?? "";

/** An error of the API: a code for programs, a message and what to do, in the server's words. */
export class ApiError extends Error {
  constructor(status, body, headers) {
    super(body.message ?? "");
    Object.assign(this, { status, code: body.error ?? "", remedy: body.remedy ?? "", reason: body.reason ?? "" });
    this.requestId = headers?.get("X-Request-Id") ?? "";
    this.retryAfter = Number(headers?.get("Retry-After") ?? 0);
  }
}

export const address = (path, query = {}) => {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
  return url;
};

export const hasKey = () => key !== "";
export const keyIsKept = () => sessionStorage.getItem(KEPT) !== null;

/** Use a key from now on. It is in memory alone, unless it is to be kept for this tab. */
export function useKey(value, keep) {
  key = value.trim();
  sessionStorage.removeItem(KEPT);
  if (key && keep) sessionStorage.setItem(KEPT, key);
}

/** One request; the reply is JSON. Raises ApiError; status 0 where no server answered. */
export async function ask(path, { method = "GET", query = {}, json, form, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  const body = json === undefined ? form : JSON.stringify(json);
  return (await send(address(path, query), { method, headers, body, signal })).json();
}

/** The bytes of a file as the server has them. An image element could not send the key. */
export async function fetchBlob(path) {
  return (await send(address(path), { headers: {} })).blob();
}

async function send(url, { headers, ...options }) {
  if (key) headers.Authorization = `Bearer ${key}`;
  let reply;
  try {
    reply = await fetch(url, { ...options, headers, credentials: "omit", redirect: "error", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { error: "unreachable" });
  }
  if (!reply.ok) throw new ApiError(reply.status, await reply.json().catch(() => ({})), reply.headers);
  return reply;
}

/** A form of a request and its pictures, each in a part of its own. */
export function formOf(request, files) {
  const form = new FormData();
  for (const [name, blob] of Object.entries(files)) form.append(name, blob, blob.name ?? `${name}.png`);
  form.append("request", JSON.stringify(request));
  return form;
}

/** The bytes of an answer as they came: the label of a picture is in them. */
export function blobOf(base64, type) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Blob([bytes], { type });
}
