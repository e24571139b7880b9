// fetch and its classes. The request travels to the host, which performs it; this side has no network.

const tokens = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function headerName(name) {
  const found = rt.text(name).toLowerCase();
  if (!tokens.test(found)) throw new TypeError(`Header name '${name}' is not valid`);
  return found;
}

function headerValue(value) {
  const found = rt.text(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (/[\0\n\r]/.test(found)) throw new TypeError("a header value has a line break");
  return found;
}

class Headers {
  #all = new Map();
  constructor(init) {
    if (init === undefined || init === null) return;
    const pairs = typeof init[Symbol.iterator] === "function" ? init : rt.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }
  append(name, value) {
    const key = headerName(name), before = this.#all.get(key);
    this.#all.set(key, before === undefined ? headerValue(value) : `${before}, ${headerValue(value)}`);
  }
  set(name, value) {
    this.#all.set(headerName(name), headerValue(value));
  }
  get(name) {
    return this.#all.get(headerName(name)) ?? null;
  }
  getSetCookie() {
    return this.#all.has("set-cookie") ? [this.#all.get("set-cookie")] : [];
  }
  has(name) {
    return this.#all.has(headerName(name));
  }
  delete(name) {
    this.#all.delete(headerName(name));
  }
  forEach(callback, self) {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }
  *entries() {
    for (const name of [...this.#all.keys()].sort()) yield [name, this.#all.get(name)];
  }
  *keys() {
    for (const [name] of this) yield name;
  }
  *values() {
    for (const [, value] of this) yield value;
  }
  raw() {
    return Object.fromEntries([...this].map(([name, value]) => [name, [value]]));
  }
  [Symbol.iterator]() {
    return this.entries();
  }
}

class Blob {
  #bytes;
  constructor(parts = [], { type = "" } = {}) {
    this.#bytes = joined([...parts].map((part) => (part instanceof Blob ? part.#bytes : typeof part === "string" ? rt.utf8Bytes(part) : rt.viewOf(part))));
    this.type = rt.text(type).toLowerCase();
  }
  get size() {
    return this.#bytes.length;
  }
  async arrayBuffer() {
    return this.#bytes.slice().buffer;
  }
  async bytes() {
    return this.#bytes.slice();
  }
  async text() {
    return rt.utf8Text(this.#bytes);
  }
  slice(from, to, type) {
    return new Blob([this.#bytes.slice(from, to)], { type });
  }
  stream() {
    return new BodyStream(async () => this.#bytes);
  }
  static bytesOf(blob) {
    return blob.#bytes;
  }
}

class File extends Blob {
  constructor(parts, name, options = {}) {
    super(parts, options);
    this.name = rt.text(name);
    this.lastModified = options.lastModified ?? rt.now();
  }
}

function joined(parts) {
  if (parts.length === 1) return parts[0].slice();
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

class FormData {
  #pairs = [];
  #pair(name, value, filename) {
    if (!(value instanceof Blob)) return [rt.text(name), rt.text(value)];
    return [rt.text(name), value instanceof File && filename === undefined ? value : new File([value], filename ?? "blob", { type: value.type })];
  }
  append(name, value, filename) {
    this.#pairs.push(this.#pair(name, value, filename));
  }
  set(name, value, filename) {
    const at = this.#pairs.findIndex((pair) => pair[0] === rt.text(name));
    this.delete(name);
    this.#pairs.splice(at < 0 ? this.#pairs.length : at, 0, this.#pair(name, value, filename));
  }
  delete(name) {
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== rt.text(name));
  }
  get(name) {
    return this.#pairs.find((pair) => pair[0] === rt.text(name))?.[1] ?? null;
  }
  getAll(name) {
    return this.#pairs.filter((pair) => pair[0] === rt.text(name)).map((pair) => pair[1]);
  }
  has(name) {
    return this.#pairs.some((pair) => pair[0] === rt.text(name));
  }
  forEach(callback, self) {
    for (const [name, value] of this.#pairs) callback.call(self, value, name, this);
  }
  *entries() {
    yield* this.#pairs.map((pair) => [...pair]);
  }
  *keys() {
    for (const [name] of this.#pairs) yield name;
  }
  *values() {
    for (const [, value] of this.#pairs) yield value;
  }
  [Symbol.iterator]() {
    return this.entries();
  }
  get [Symbol.toStringTag]() {
    return "FormData";
  }
}

const boundary = () => `----boundary${rt.globals.crypto.randomUUID().replaceAll("-", "")}`;
const fieldName = (name) => name.replace(/\r?\n|\r/g, "%0D%0A").replaceAll('"', "%22");

function multipart(form) {
  const mark = boundary(), parts = [];
  for (const [name, value] of form) {
    const file = value instanceof File;
    const about = file ? `; filename="${fieldName(value.name)}"\r\nContent-Type: ${value.type || "application/octet-stream"}` : "";
    parts.push(rt.utf8Bytes(`--${mark}\r\nContent-Disposition: form-data; name="${fieldName(name)}"${about}\r\n\r\n`));
    parts.push(file ? Blob.bytesOf(value) : rt.utf8Bytes(value.replace(/\r?\n|\r/g, "\r\n")), rt.utf8Bytes("\r\n"));
  }
  parts.push(rt.utf8Bytes(`--${mark}--\r\n`));
  return { bytes: joined(parts), type: `multipart/form-data; boundary=${mark}` };
}

// A body as text or bytes, and the content type that goes with it. Streams are read to their end.
async function bodyFrom(body) {
  if (body === undefined || body === null) return {};
  if (typeof body === "string") return { text: body, type: "text/plain;charset=UTF-8" };
  if (body instanceof rt.globals.URLSearchParams) return { text: body.toString(), type: "application/x-www-form-urlencoded;charset=UTF-8" };
  if (body instanceof FormData) return multipart(body);
  if (body instanceof Blob) return { bytes: Blob.bytesOf(body), type: body.type || undefined };
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return { bytes: rt.viewOf(body) };
  if (typeof body.getBuffer === "function" && typeof body.getHeaders === "function") {
    return { bytes: body.getBuffer(), type: body.getHeaders()["content-type"] };
  }
  if (typeof body[Symbol.asyncIterator] === "function" || typeof body.pipe === "function") {
    const parts = [];
    for await (const chunk of body) parts.push(typeof chunk === "string" ? rt.utf8Bytes(chunk) : rt.viewOf(chunk));
    return { bytes: joined(parts) };
  }
  return { text: rt.text(body), type: "text/plain;charset=UTF-8" };
}

// One chunk, with the faces of a web stream and of an async iterable.
class BodyStream {
  #read;
  #done = false;
  locked = false;
  constructor(read) {
    this.#read = read;
  }
  async #next() {
    if (this.#done) return { done: true, value: undefined };
    this.#done = true;
    const value = await this.#read();
    return value.length ? { done: false, value } : { done: true, value: undefined };
  }
  getReader() {
    this.locked = true;
    return { read: () => this.#next(), releaseLock: () => void (this.locked = false), cancel: async () => void (this.#done = true), closed: Promise.resolve() };
  }
  cancel() {
    this.#done = true;
    return Promise.resolve();
  }
  pipe(into) {
    return rt.external("stream").Readable.from(this, { objectMode: false }).pipe(into);
  }
  on(name, listener) {
    const readable = rt.external("stream").Readable.from(this, { objectMode: false });
    readable.on(name, listener);
    return readable;
  }
  async *[Symbol.asyncIterator]() {
    for (let part = await this.#next(); !part.done; part = await this.#next()) yield part.value;
  }
}

class Body {
  #content = {};
  #pending = null;
  bodyUsed = false;
  static fill(target, content) {
    target.#content = content;
  }
  static defer(target, pending) {
    target.#pending = pending;
  }
  static async peek(target) {
    if (target.#pending) {
      target.#content = await target.#pending;
      target.#pending = null;
    }
    return target.#content;
  }
  async #take() {
    if (this.bodyUsed) throw new TypeError("Body is unusable: Body has already been read");
    this.bodyUsed = true;
    return Body.peek(this);
  }
  get body() {
    const empty = !this.#pending && this.#content.text === undefined && this.#content.bytes === undefined;
    return empty ? null : new BodyStream(() => this.bytes());
  }
  async text() {
    const { text, bytes } = await this.#take();
    return text ?? (bytes ? rt.utf8Text(bytes) : "");
  }
  async json() {
    return rt.parse((await this.text()).replace(/^\uFEFF/, ""));
  }
  async bytes() {
    const { text, bytes } = await this.#take();
    return bytes ?? rt.utf8Bytes(text ?? "");
  }
  async buffer() {
    return rt.Buffer.from(await this.bytes());
  }
  async arrayBuffer() {
    return (await this.bytes()).slice().buffer;
  }
  async blob() {
    return new Blob([await this.bytes()], { type: this.headers.get("content-type") ?? "" });
  }
  async formData() {
    const form = new FormData();
    for (const [name, value] of new rt.globals.URLSearchParams(await this.text())) form.append(name, value);
    return form;
  }
}

class Request extends Body {
  constructor(input, init = {}) {
    super();
    const from = input instanceof Request ? input : null;
    this.url = from ? from.url : new rt.globals.URL(input).href;
    this.method = rt.text(init.method ?? from?.method ?? "GET").toUpperCase();
    this.headers = new Headers(init.headers ?? from?.headers);
    this.redirect = init.redirect ?? from?.redirect ?? "follow";
    this.signal = init.signal ?? from?.signal ?? null;
    const given = init.body ?? null;
    if (given !== null && (this.method === "GET" || this.method === "HEAD")) throw new TypeError("Request with GET/HEAD method cannot have body.");
    Body.defer(this, given === null && from ? Body.peek(from) : bodyFrom(given));
  }
  clone() {
    return new Request(this);
  }
}

class Response extends Body {
  constructor(body, { status = 200, statusText = "", headers } = {}) {
    super();
    rt.assign(this, { status, statusText, headers: new Headers(headers), url: "", redirected: false, type: "default" });
    this.ok = status >= 200 && status < 300;
    if (body !== undefined && body !== null) Body.defer(this, bodyFrom(body));
  }
  clone() {
    const made = new Response(null, this);
    made.url = this.url;
    Body.defer(made, Body.peek(this));
    return made;
  }
  static json(value, init = {}) {
    return new Response(rt.stringify(value), { ...init, headers: { "content-type": "application/json", ...init.headers } });
  }
  static error() {
    return rt.assign(new Response(null), { status: 0, ok: false, type: "error" });
  }
  static redirect(url, status = 302) {
    return new Response(null, { status, headers: { location: rt.text(url) } });
  }
}

const CODES = { OutboundRefusedError: "EACCES", OutboundConnectError: "ECONNREFUSED", OutboundTimeoutError: "ETIMEDOUT", OutboundTooLargeError: "ERR_RESPONSE_TOO_LARGE" };

function networkError({ name, message }) {
  return rt.coded(new Error(message), CODES[name] ?? "ERR_NETWORK");
}

let fetches = 0;

// One request to the host: {method, url, headers: [[name, value]], text | bytes, redirects, timeout, signal} to
// {status, headers, url, text | bytes}. Everything that calls out comes through here.
async function perform({ method, url, headers, text, bytes, redirects = 10, timeout, signal }) {
  signal?.throwIfAborted?.();
  const { target, limits } = rt.job;
  if (target === "describe") throw new Error("there is no network while a component is loaded; call out from run or a hook");
  if (fetches >= limits.fetches) throw new rt.LimitError("FetchLimitExceeded", `a run may send ${limits.fetches} requests`);
  const size = text?.length ?? bytes?.length ?? 0;
  if (size > limits.fetch_request_bytes) throw new rt.LimitError("FetchLimitExceeded", `the request is larger than ${limits.fetch_request_bytes} bytes`);
  fetches += 1;
  const body = text !== undefined ? { text: text.toWellFormed() } : bytes !== undefined ? { b64: rt.viewOf(bytes).toBase64() } : {};
  const { id, answer } = rt.ask("fetch", rt.stringify({ method, url, headers, redirects, timeout, ...body }));
  const found = await (signal ? raced(answer, signal, id) : answer).catch((error) => {
    throw error instanceof Error || error instanceof DOMException ? error : networkError(error);
  });
  const { b64, ...rest } = found;
  return b64 === undefined ? rest : { ...rest, bytes: Uint8Array.fromBase64(b64) };
}

function raced(answer, signal, id) {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => {
      rt.forget(id);
      reject(signal.reason);
    });
    answer.then(resolve, reject);
  });
}

const REASONS = { 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 301: "Moved Permanently", 302: "Found", 304: "Not Modified", 400: "Bad Request",
  401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 410: "Gone", 422: "Unprocessable Entity",
  429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout" };

async function fetch(input, init) {
  const request = new Request(input, init);
  const { text, bytes, type } = await Body.peek(request);
  if (type && !request.headers.has("content-type")) request.headers.set("content-type", type);
  if (!request.headers.has("accept")) request.headers.set("accept", "*/*");
  const redirects = request.redirect === "follow" ? 10 : 0;
  let found;
  try {
    found = await perform({ method: request.method, url: request.url, headers: [...request.headers], text, bytes, redirects, signal: request.signal });
  } catch (error) {
    if (!CODE_VALUES.has(error.code)) throw error;
    throw rt.assign(new TypeError("fetch failed", { cause: error }), { code: error.code });
  }
  if (request.redirect === "error" && found.status >= 300 && found.status < 400) throw new TypeError("fetch failed: unexpected redirect");
  const response = new Response(null, { status: found.status, statusText: REASONS[found.status] ?? "", headers: found.headers });
  rt.assign(response, { url: found.url, redirected: found.url !== request.url, type: "basic" });
  Body.fill(response, found);
  return response;
}
const CODE_VALUES = new Set([...Object.values(CODES), "ERR_NETWORK"]);

// The body of an HTTP answer of a component: text, or bytes as base64, with what its type is by nature.
rt.bodyOf = (body) => {
  if (body === undefined || body === null) return {};
  if (typeof body === "string") return { text: body.toWellFormed() };
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return { b64: rt.viewOf(body).toBase64(), type: "application/octet-stream" };
  if (body?.type === "Buffer" && Array.isArray(body.data)) return { b64: rt.viewOf(new Uint8Array(body.data)).toBase64(), type: "application/octet-stream" };
  return { text: rt.json(body, "the response's body", rt.job.limits.output_bytes) ?? "", type: "application/json; charset=utf-8" };
};

rt.perform = perform;
rt.bodyFrom = bodyFrom;
rt.reasons = REASONS;
rt.assign(rt.globals, { fetch, Headers, Request, Response, FormData, Blob, File });
rt.builtIn["node-fetch"] = () => rt.assign((...list) => fetch(...list), { default: fetch, fetch, Headers, Request, Response, FormData, Blob, __esModule: true, FetchError: Error });
rt.builtIn["cross-fetch"] = rt.builtIn["node-fetch"];
rt.builtIn["isomorphic-fetch"] = rt.builtIn["node-fetch"];
rt.builtIn["abort-controller"] = () => rt.assign(rt.globals.AbortController, { default: rt.globals.AbortController, AbortController: rt.globals.AbortController });

// The package form-data: fields and files for a request's body.
class NodeFormData {
  #parts = [];
  #mark = boundary();
  append(name, value, options = {}) {
    const about = typeof options === "string" ? { filename: options } : options;
    this.#parts.push({ name: rt.text(name), value, ...about });
  }
  getBoundary() {
    return this.#mark;
  }
  setBoundary(mark) {
    this.#mark = rt.text(mark);
  }
  getHeaders(more = {}) {
    return { ...more, "content-type": `multipart/form-data; boundary=${this.#mark}` };
  }
  getBuffer() {
    const parts = [];
    for (const { name, value, filename, contentType } of this.#parts) {
      const isFile = filename !== undefined || typeof value === "object";
      const file = isFile ? `; filename="${fieldName(rt.text(filename ?? value?.path ?? "file").split("/").pop())}"` : "";
      const type = contentType ?? (isFile ? "application/octet-stream" : undefined);
      parts.push(rt.utf8Bytes(`--${this.#mark}\r\nContent-Disposition: form-data; name="${fieldName(name)}"${file}${type ? `\r\nContent-Type: ${type}` : ""}\r\n\r\n`));
      parts.push(ArrayBuffer.isView(value) || value instanceof ArrayBuffer ? rt.viewOf(value) : rt.utf8Bytes(rt.text(value)), rt.utf8Bytes("\r\n"));
    }
    parts.push(rt.utf8Bytes(`--${this.#mark}--\r\n`));
    return rt.Buffer.from(joined(parts));
  }
  getLengthSync() {
    return this.getBuffer().length;
  }
  getLength(callback) {
    queueMicrotask(() => callback(null, this.getLengthSync()));
  }
  hasKnownLength() {
    return true;
  }
  pipe(into) {
    return rt.external("stream").Readable.from([this.getBuffer()]).pipe(into);
  }
  async *[Symbol.asyncIterator]() {
    yield this.getBuffer();
  }
}
rt.builtIn["form-data"] = () => rt.assign(NodeFormData, { default: NodeFormData });
