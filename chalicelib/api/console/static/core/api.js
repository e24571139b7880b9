// Calls of the API, with the key that stands in this tab only.

const KEY = "penstock.key";
const RETRIES = 3;
// With fewer calls left in this minute, polls leave them to the user.
const FEW_CALLS = 30;
let callsLeft = Infinity;

// Next to the console, whatever the gateway puts before both.
export const BASE = new URL("../../../", import.meta.url);

export class ApiError extends Error {
  constructor(status, code, message, requestId) {
    super(message);
    this.name = "ApiError";
    Object.assign(this, { status, code, requestId });
  }
}

let key = null;
try { key = sessionStorage.getItem(KEY); } catch { /* storage may be switched off: the key then lasts until a reload */ }
let onSignedOut = () => {};
let onStale = () => {};

export const signedIn = () => key !== null;
export const whenSignedOut = (callback) => { onSignedOut = callback; };
// Told why a poll goes without an answer, and null when calls are answered again.
export const whenStale = (callback) => { onStale = callback; };

export function signIn(secret) {
  key = secret;
  try { sessionStorage.setItem(KEY, secret); } catch { /* as above */ }
}

export function forget() {
  key = null;
  try { sessionStorage.removeItem(KEY); } catch { /* as above */ }
}

export function signOut(reason = null) {
  forget();
  onStale(null);
  onSignedOut(reason);
}

export const get = (path, options) => call("GET", path, options);
export const post = (path, body, options) => call("POST", path, { ...options, body });
export const put = (path, body, options) => call("PUT", path, { ...options, body });
export const remove = (path, options) => call("DELETE", path, options);

// `path` without a leading slash, its parts encoded by the caller: `v1/workflows/${encodeURIComponent(id)}`. Of `query`,
// null, undefined and "" are left out. `headers` are added to ours.
export async function call(method, path, { query, body, signal, headers } = {}) {
  const address = new URL(path, BASE);
  for (const [name, value] of Object.entries(query || {})) {
    if (value !== null && value !== undefined && value !== "") address.searchParams.set(name, value);
  }
  const secret = key;
  const asked = { Authorization: `Bearer ${secret}`, Accept: "application/json", "Accept-Language": document.documentElement.lang, ...headers };
  if (body !== undefined) asked["Content-Type"] = "application/json";
  const options = { method, headers: asked, signal, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body) };
  for (let tried = 1; ; tried++) {
    const answer = await send(address, options);
    callsLeft = Number(answer.headers.get("X-RateLimit-Remaining") ?? Infinity);
    if (answer.ok) {
      onStale(null);
      return read(answer);
    }
    if (answer.status === 429 && tried < RETRIES) {
      await pause(Math.min(Number(answer.headers.get("Retry-After")) || 1, 30) * 1000, signal);
      continue;
    }
    const error = await refusal(answer);
    // A late answer says nothing about another key.
    if (error.status === 401 && secret === key) signOut("expired");
    throw error;
  }
}

async function send(address, options) {
  try {
    return await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "UNREACHABLE", error.message, null);
  }
}

async function read(answer) {
  const text = await answer.text();
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    // A page of something between us and the server, such as a network that wants a sign-in.
    if (answer.ok) throw new ApiError(0, "UNREACHABLE");
    return text;
  }
}

// Each of the APIs words a refusal in its own way.
async function refusal(answer) {
  const body = await read(answer).catch(() => null);
  const error = body?.errors?.[0] ?? body?.error ?? body?._error ?? body;
  const message = typeof error === "string" ? error : error?.message ?? error?._message ?? "";
  return new ApiError(answer.status, error?.code ?? body?.code ?? `HTTP_${answer.status}`, message || answer.statusText, answer.headers.get("X-Request-Id"));
}

// Ends early, by an AbortError, when the signal says so.
export const pause = (ms, signal) => until((done) => {
  const timer = setTimeout(done, ms);
  return () => clearTimeout(timer);
}, signal);

const shown = (signal) => until((done) => {
  document.addEventListener("visibilitychange", done);
  return () => document.removeEventListener("visibilitychange", done);
}, signal);

// `begin(done)` starts to wait for something, and gives what ends that.
function until(begin, signal) {
  return new Promise((resolve, reject) => {
    const leave = () => {
      end();
      reject(new DOMException("left", "AbortError"));
    };
    const end = begin(() => {
      signal?.removeEventListener("abort", leave);
      end();
      resolve();
    });
    if (signal?.aborted) leave();
    signal?.addEventListener("abort", leave, { once: true });
  });
}

// Calls `look` at once and again and again until it returns false or the page is left: fast while something changes
// (it returns "changed"), ever slower while nothing does, not at all while the tab is hidden.
export async function poll(look, signal, { fastest = 1000, slowest = 15000 } = {}) {
  let wait = fastest;
  while (!signal.aborted) {
    let seen;
    try {
      seen = await look();
    } catch (error) {
      if (error.name === "AbortError" || (error.status >= 400 && error.status < 500 && error.status !== 429)) throw error;
      onStale(error);
      seen = "failed";
    }
    if (seen === false) return;
    wait = seen === "changed" ? fastest : Math.min(wait * 1.5, slowest);
    if (callsLeft < FEW_CALLS) wait = slowest;
    await pause(wait, signal);
    if (document.hidden) await shown(signal);
  }
}
