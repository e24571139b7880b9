// What the rest of the runtime stands on: the engine's own functions as they were before any user code, the way out
// (messages, as lines of JSON text), and the loop of timers and answers. Nothing of it is reachable from user code.
const { apply, defineProperty, getPrototypeOf, ownKeys } = Reflect;
const { stringify, parse } = JSON;
const { join } = Array.prototype;
const { create, keys, entries, assign } = Object;
const { now } = Date;
const { then } = Promise.prototype;
const call = (method, self, ...list) => apply(method, self, list);
const text = String;
const OutOfMemory = InternalError;
const quoted = (value) => stringify(text(value));

const rt = {
  job: null,
  libraries: create(null),   // file → source of the vendored ones
  exportsOf: create(null),   // specifier → [file, member]
  builtIn: create(null),     // specifier → function that makes the module
  globals: create(null),
};

class LimitError extends Error {
  constructor(name, message) {
    super(message);
    defineProperty(this, "name", { value: name, configurable: true, writable: true });
  }
}

// A linked list, because a setter that user code puts on Array.prototype would see what is stored in an array.
const outbox = { first: null, last: null, bytes: 0 };

function post(kind, ...parts) {
  let line = `["${kind}"`;
  for (let at = 0; at < parts.length; at += 1) line += `,${parts[at]}`;
  line += "]";
  // Requests have limits of their own, and the last word is always heard.
  if (kind !== "fetch" && kind !== "end" && kind !== "compiled") outbox.bytes += line.length;
  if (rt.job && outbox.bytes > rt.job.limits.output_bytes && kind !== "end" && kind !== "cancel") {
    throw new LimitError("OutputLimitExceeded", `the run sent more than ${rt.job.limits.output_bytes} bytes`);
  }
  const node = { line, next: null };
  if (outbox.last) outbox.last.next = node;
  else outbox.first = node;
  outbox.last = node;
}

function drained(head) {
  let all = head;
  for (let node = outbox.first; node; node = node.next) all += `\n${node.line}`;
  outbox.first = outbox.last = null;
  return call(join, [all], "");
}

// JSON text of a value of the user's, or undefined where JSON has none.
function json(value, what, most) {
  let found;
  try {
    found = stringify(value, (_, one) => (typeof one === "bigint" ? text(one) : one));
  } catch (error) {
    if (error instanceof OutOfMemory) throw error;
    throw new TypeError(`${what} cannot be written as JSON: ${messageOf(error)}`);
  }
  if (found !== undefined && found.length * 3 > most && bytesIn(found) > most) {
    throw new LimitError("ValueTooLargeError", `${what} is larger than ${most} bytes`);
  }
  return found;
}

const bytesIn = (written) => (written.length > 67108864 ? written.length : unescape(encodeURIComponent(written)).length);

function messageOf(error) {
  try {
    return text(error?.message ?? error);
  } catch {
    return "an error that cannot be shown";
  }
}

// -- timers and answers -----------------------------------------------------------------------------------------------

const timers = new Map();
const waiting = new Map();
let lastId = 0;
const mapGet = Map.prototype.get, mapSet = Map.prototype.set, mapDelete = Map.prototype.delete, mapForEach = Map.prototype.forEach;
const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, "size").get;

function addTimer(callback, delay, list, every) {
  if (typeof callback !== "function") throw new TypeError("a timer needs a function");
  const id = (lastId += 1);
  let ms = +delay;
  if (!(ms >= 1)) ms = every ? 1 : 0;
  if (ms > 2147483647) ms = 1;
  call(mapSet, timers, id, { at: now() + ms, order: id, callback, list, every: every ? ms : null });
  return id;
}

function removeTimer(handle) {
  const id = typeof handle === "object" && handle !== null ? handle.id : +handle;
  call(mapDelete, timers, id);
}

function nextTimer() {
  let next = null;
  call(mapForEach, timers, (timer, id) => {
    if (!next || timer.at < next.timer.at || (timer.at === next.timer.at && timer.order < next.timer.order)) next = { id, timer };
  });
  return next;
}

// One timer at a time: what it leaves in the queue of promises comes before the next one.
function fireTimer() {
  const next = nextTimer();
  if (!next || next.timer.at > now()) return;
  if (next.timer.every === null) call(mapDelete, timers, next.id);
  else {
    next.timer.at = now() + next.timer.every;
    next.timer.order = lastId += 1;
  }
  try {
    apply(next.timer.callback, undefined, next.timer.list);
  } catch (error) {
    // As an uncaught exception ends a process of Node.
    settle("failed", error);
  }
}

// Sends a request to the host; the answer comes through `deliver`.
function ask(kind, ...parts) {
  const id = (lastId += 1);
  const answer = new Promise((resolve, reject) => call(mapSet, waiting, id, { resolve, reject }));
  try {
    post(kind, text(id), ...parts);
  } catch (error) {
    call(mapDelete, waiting, id);
    throw error;
  }
  return { id, answer };
}

function forget(id) {
  if (call(mapDelete, waiting, id)) post("cancel", text(id));
}

function deliver(line) {
  const { id, ok, error } = parse(line);
  const entry = call(mapGet, waiting, id);
  if (!entry) return;
  call(mapDelete, waiting, id);
  if (error) entry.reject(error);
  else entry.resolve(ok);
}

const root = { state: "none", value: undefined, endedAt: 0 };
const GRACE_MS = 5000;

function follow(promise) {
  root.state = "running";
  call(then, promise, (value) => settle("done", value), (error) => settle("failed", error));
}

function settle(state, value) {
  root.state = state;
  root.value = value;
  root.endedAt = now();
}

// After the queue of promises has run empty: how things stand, and what is to be sent. The first line says "end",
// "wait <ms>" or "again".
function turn() {
  if (rt.job === null) return drained("end");
  const settled = root.state === "done" || root.state === "failed";
  const fetching = apply(mapSize, waiting, []) > 0;
  const left = root.endedAt + GRACE_MS - now();
  // Calls that nobody awaited are let through for a while; timers are dead once the run has ended.
  if (settled && fetching && left > 0) return drained(`wait ${left}`);
  if (settled) return rt.finish(root), drained("end");
  const next = nextTimer();
  if (next && next.timer.at <= now()) return fireTimer(), drained("again");
  if (next) return drained(`wait ${next.timer.at - now()}`);
  if (fetching) return drained("wait -1");
  settle("failed", new LimitError("DeadlockError", "the promise never resolves: nothing is left that it could wait for"));
  return drained("again");
}

assign(rt, {
  apply, defineProperty, getPrototypeOf, ownKeys, stringify, parse, join, create, keys, entries, assign, now, call, text,
  quoted, LimitError, post, json, messageOf, addTimer, removeTimer, ask, forget, follow, root,
});
rt.assign(rt, { deliver, turn, drained });
