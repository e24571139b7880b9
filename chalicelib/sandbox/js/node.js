// What Node has built in, as far as components use it, and the globals that belong to it.

const coded = (error, code) => rt.assign(error, { code });

const promisify = (original) => {
  if (typeof original?.[promisify.custom] === "function") return original[promisify.custom];
  return function (...list) {
    return new Promise((resolve, reject) =>
      original.call(this, ...list, (error, value) => (error ? reject(error) : resolve(value))));
  };
};
promisify.custom = Symbol.for("nodejs.util.promisify.custom");

function isDeepStrictEqual(one, other) {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (rt.getPrototypeOf(one) !== rt.getPrototypeOf(other)) return false;
  if (one instanceof Date) return one.getTime() === other.getTime();
  if (one instanceof RegExp) return rt.text(one) === rt.text(other);
  if (one instanceof Map || one instanceof Set) return one.size === other.size && isDeepStrictEqual([...one], [...other]);
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => Object.hasOwn(other, name) && isDeepStrictEqual(one[name], other[name]));
}

function inherits(constructor, parent) {
  rt.defineProperty(constructor, "super_", { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

const inspect = rt.assign((value, options) => rt.inspect(value, { ...options, top: false }), { custom: Symbol.for("nodejs.util.inspect.custom") });
const types = {
  isDate: (value) => value instanceof Date, isRegExp: (value) => value instanceof RegExp, isPromise: (value) => value instanceof Promise,
  isMap: (value) => value instanceof Map, isSet: (value) => value instanceof Set, isNativeError: (value) => value instanceof Error,
  isUint8Array: (value) => value instanceof Uint8Array, isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
  isAnyArrayBuffer: (value) => value instanceof ArrayBuffer || value instanceof SharedArrayBuffer, isArrayBufferView: ArrayBuffer.isView,
  isAsyncFunction: (value) => value?.constructor?.name === "AsyncFunction", isProxy: () => false,
};

rt.builtIn.util = () => ({
  promisify, inherits, inspect, types, isDeepStrictEqual, format: rt.format,
  callbackify: (original) => function (...list) {
    const callback = list.pop();
    original.apply(this, list).then((value) => callback(null, value), (error) => callback(error));
  },
  deprecate: (original) => original, debuglog: () => () => {}, debug: () => () => {}, stripVTControlCharacters: (value) => value.replace(/\u001b\[[0-9;]*m/g, ""),
  isArray: Array.isArray, isString: (value) => typeof value === "string", isFunction: (value) => typeof value === "function",
  isObject: (value) => typeof value === "object" && value !== null, isUndefined: (value) => value === undefined,
  TextEncoder: rt.globals.TextEncoder, TextDecoder: rt.globals.TextDecoder,
});

class AssertionError extends Error {
  constructor({ message = "assertion failed", actual, expected, operator } = {}) {
    super(message);
    rt.assign(this, { name: "AssertionError", code: "ERR_ASSERTION", actual, expected, operator });
  }
}

rt.builtIn.assert = () => {
  const check = (holds, message, facts) => {
    if (holds) return;
    if (message instanceof Error) throw message;
    throw new AssertionError({ message: message ?? `${rt.inspect(facts.actual)} ${facts.operator} ${rt.inspect(facts.expected)}`, ...facts });
  };
  const ok = (value, message) => check(value, message ?? "The expression evaluated to a falsy value", { actual: value, expected: true, operator: "==" });
  const equal = (actual, expected, message) => check(Object.is(actual, expected), message, { actual, expected, operator: "strictEqual" });
  const deepEqual = (actual, expected, message) => check(isDeepStrictEqual(actual, expected), message, { actual, expected, operator: "deepStrictEqual" });
  return rt.assign((value, message) => ok(value, message), {
    ok, strictEqual: equal, deepStrictEqual: deepEqual, deepEqual, AssertionError,
    equal: (actual, expected, message) => check(actual == expected, message, { actual, expected, operator: "==" }),
    notEqual: (actual, expected, message) => check(actual != expected, message, { actual, expected, operator: "!=" }),
    notStrictEqual: (actual, expected, message) => check(!Object.is(actual, expected), message, { actual, expected, operator: "notStrictEqual" }),
    fail: (message) => check(false, message ?? "Failed", { operator: "fail" }),
    throws: (action) => {
      let thrown = false;
      try {
        action();
      } catch {
        thrown = true;
      }
      check(thrown, "Missing expected exception.", { operator: "throws" });
    },
  });
};

const process = {
  env: {}, argv: ["node", "component"], version: "v20.18.0", versions: { node: "20.18.0" }, platform: "linux", arch: "x64", pid: 1, browser: true,
  title: "component", exitCode: undefined, execArgv: [],
  cwd: () => "/", uptime: () => performance.now() / 1000, nextTick: (callback, ...list) => queueMicrotask(() => callback(...list)),
  hrtime: rt.assign((since) => {
    const ms = performance.now(), seconds = Math.floor(ms / 1000), nanos = Math.round((ms % 1000) * 1e6);
    if (!since) return [seconds, nanos];
    const back = nanos < since[1] ? 1 : 0;
    return [seconds - since[0] - back, nanos - since[1] + back * 1e9];
  }, { bigint: () => BigInt(Math.round(performance.now() * 1e6)) }),
  memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
  on: () => process, once: () => process, off: () => process, removeListener: () => process, emit: () => false, listeners: () => [],
  emitWarning: (warning) => rt.globals.console.warn(rt.text(warning)),
  exit: () => {
    throw new Error("process.exit() is not available; return or throw instead");
  },
  stdout: { write: (value) => (rt.globals.console.log(rt.text(value).replace(/\n$/, "")), true), isTTY: false },
  stderr: { write: (value) => (rt.globals.console.error(rt.text(value).replace(/\n$/, "")), true), isTTY: false },
};

rt.builtIn.process = () => process;
rt.builtIn.os = () => ({
  tmpdir: () => "/tmp", EOL: "\n", platform: () => "linux", type: () => "Linux", arch: () => "x64", release: () => "", hostname: () => "localhost",
  cpus: () => [], homedir: () => "/", totalmem: () => 0, freemem: () => 0, networkInterfaces: () => ({}), uptime: () => 0, endianness: () => "LE",
});
rt.builtIn.timers = () => {
  const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = rt.globals;
  return { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate };
};
rt.builtIn["timers/promises"] = () => ({
  setTimeout: (ms, value) => new Promise((resolve) => rt.globals.setTimeout(resolve, ms, value)),
  setImmediate: (value) => new Promise((resolve) => rt.globals.setImmediate(resolve, value)),
});
rt.builtIn.punycode = () => ({ toASCII: (host) => new rt.globals.URL(`http://${host}`).hostname });
rt.builtIn.url = () => ({
  URL: rt.globals.URL, URLSearchParams: rt.globals.URLSearchParams,
  parse: legacyUrl, resolve: (from, to) => new rt.globals.URL(to, new rt.globals.URL(from, "resolve:///")).href.replace(/^resolve:\/\//, ""),
  format: (value) => formattedUrl(value), fileURLToPath: (value) => new rt.globals.URL(value).pathname,
  domainToASCII: (host) => new rt.globals.URL(`http://${host}`).hostname,
});

function legacyUrl(value, parseQuery = false) {
  const blank = { protocol: null, slashes: null, auth: null, host: null, port: null, hostname: null, hash: null, search: null, query: null, pathname: null, path: null, href: value };
  let url = rt.globals.URL.parse(value);
  const relative = url === null;
  if (relative) url = rt.globals.URL.parse(value, "http://relative.invalid");
  if (url === null) return blank;
  const query = url.search.slice(1);
  const found = {
    ...blank, hash: url.hash || null, search: url.search || null, pathname: url.pathname, path: url.pathname + url.search,
    query: parseQuery ? rt.external("querystring").parse(query) : query || null,
  };
  if (relative) return found;
  const auth = url.username ? decodeURIComponent(url.username) + (url.password ? `:${decodeURIComponent(url.password)}` : "") : null;
  return { ...found, protocol: url.protocol, slashes: true, auth, host: url.host, port: url.port || null, hostname: url.hostname, href: url.href };
}

function formattedUrl(value) {
  if (typeof value === "string") return new rt.globals.URL(value).href;
  if (value instanceof rt.globals.URL) return value.href;
  const { protocol = "", slashes, auth, host, hostname, port, pathname = "", search, query, hash = "" } = value;
  const scheme = protocol && !protocol.endsWith(":") ? `${protocol}:` : protocol ?? "";
  const authority = host ?? (hostname ? hostname + (port ? `:${port}` : "") : "");
  const asked = search ?? (query && typeof query === "object" ? rt.external("querystring").stringify(query) : query ?? "");
  const slash = slashes || authority ? "//" : "";
  return `${scheme}${slash}${auth ? `${auth}@` : ""}${authority}${pathname ?? ""}${asked ? (asked.startsWith("?") ? asked : `?${asked}`) : ""}${hash ?? ""}`;
}

// Files of the run's own, in memory, below /tmp.
function fileSystem() {
  const { Buffer } = rt;
  const files = new Map();
  const failed = (code, path) => coded(new Error(`${code}: ${code === "ENOENT" ? "no such file or directory" : "permission denied"}, '${path}'`), code);
  const place = (path) => {
    const full = rt.external("path").resolve("/", rt.text(path?.pathname ?? path));
    if (!full.startsWith("/tmp/") && full !== "/tmp") throw failed("EACCES", full);
    return full;
  };
  const found = (path) => files.get(place(path)) ?? (() => { throw failed("ENOENT", path); })();
  const encodingOf = (options) => (typeof options === "string" ? options : options?.encoding);
  const sync = {
    existsSync: (path) => {
      try {
        return place(path) === "/tmp" || files.has(place(path));
      } catch {
        return false;
      }
    },
    readFileSync: (path, options) => (encodingOf(options) ? found(path).toString(encodingOf(options)) : Buffer.from(found(path))),
    writeFileSync: (path, value, options) => void files.set(place(path), Buffer.from(typeof value === "string" ? Buffer.from(value, encodingOf(options)) : value)),
    appendFileSync: (path, value) => void files.set(place(path), Buffer.concat([files.get(place(path)) ?? Buffer.alloc(0), Buffer.from(value)])),
    unlinkSync: (path) => void (found(path), files.delete(place(path))),
    rmSync: (path) => void files.delete(place(path)),
    mkdirSync: (path) => void place(path), rmdirSync: (path) => void place(path), mkdtempSync: (prefix) => place(prefix) + Math.random().toString(36).slice(2, 8),
    accessSync: (path) => void found(path),
    readdirSync: (path) => [...files.keys()].filter((name) => name.startsWith(`${place(path)}/`)).map((name) => name.slice(place(path).length + 1).split("/")[0]),
    statSync: (path) => ({ size: found(path).length, isFile: () => true, isDirectory: () => false }),
    copyFileSync: (from, to) => void files.set(place(to), Buffer.from(found(from))),
    renameSync: (from, to) => void (files.set(place(to), found(from)), files.delete(place(from))),
  };
  const promises = {}, callbacks = {};
  for (const [name, action] of rt.entries(sync)) {
    const plain = name.slice(0, -4);
    promises[plain] = async (...list) => action(...list);
    callbacks[plain] = (...list) => {
      const callback = list.pop();
      if (plain === "exists") return void promises[plain](...list).then(callback);
      return void promises[plain](...list).then((value) => callback(null, value), callback);
    };
  }
  const streams = {
    createReadStream: (path) => rt.external("stream").Readable.from([found(path)], { objectMode: false }),
    createWriteStream: (path) => {
      const parts = [], full = place(path);
      const { Writable } = rt.external("stream");
      return rt.assign(new Writable({
        write: (chunk, _, done) => (parts.push(Buffer.from(chunk)), done()),
        final: (done) => (files.set(full, Buffer.concat(parts)), done()),
      }), { path: full });
    },
  };
  return { ...sync, ...callbacks, ...streams, promises, constants: { F_OK: 0, R_OK: 4, W_OK: 2 } };
}

rt.builtIn.fs = fileSystem;
rt.builtIn["fs/promises"] = () => rt.external("fs").promises;
rt.builtIn.tty = () => ({ isatty: () => false });
rt.builtIn.module = () => ({ createRequire: () => rt.external });
rt.builtIn.async_hooks = () => ({
  AsyncLocalStorage: class {
    run(store, callback, ...list) {
      this.store = store;
      return callback(...list);
    }
    getStore() {
      return this.store;
    }
  },
});
rt.builtIn.perf_hooks = () => ({ performance });
rt.builtIn.buffer = () => ({ ...rt.library("buffer"), Blob: rt.globals.Blob, File: rt.globals.File, atob, btoa });
rt.builtIn.events = () => {
  const EventEmitter = rt.library("events");
  return rt.assign(EventEmitter, { EventEmitter, default: EventEmitter });
};
rt.builtIn.stream = () => rt.library("readable-stream");
rt.builtIn["readable-stream"] = rt.builtIn.stream;
rt.builtIn["stream/promises"] = () => rt.library("readable-stream").promises;
rt.builtIn["util/types"] = () => types;

// Makes a library ready before there is a job; the globals that it brings are put in place.
rt.preload = (name) => {
  const exported = rt.library(name);
  if (name !== "buffer") return;
  const { Buffer } = exported;
  const slow = Buffer.prototype.toString, slowFrom = Buffer.from;
  // The engine's own conversions, for the two encodings of large texts.
  Buffer.prototype.toString = function (encoding, start, end) {
    if (encoding === "base64url") return slow.call(this, "base64", start, end).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
    if (start === undefined && end === undefined && (encoding === undefined || encoding === "utf8" || encoding === "utf-8")) return rt.utf8Text(rt.viewOf(this));
    if (start === undefined && end === undefined && encoding === "base64") return rt.viewOf(this).toBase64();
    return slow.call(this, encoding, start, end);
  };
  Buffer.from = function (value, encoding, length) {
    if (typeof value === "string" && (encoding === undefined || encoding === "utf8" || encoding === "utf-8")) {
      const bytes = rt.utf8Bytes(value);
      return slowFrom(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return slowFrom(value, encoding === "base64url" ? "base64" : encoding, length);
  };
  const known = Buffer.isEncoding;
  Buffer.isEncoding = (encoding) => rt.text(encoding).toLowerCase() === "base64url" || known(encoding);
  rt.Buffer = Buffer;
  rt.globals.Buffer = Buffer;
};

rt.coded = coded;
rt.assign(rt.globals, { process, global: globalThis });
