// Text and bytes. The engine's own base64 and URI functions do the work, because loops in JavaScript are slow here.
const { fromCharCode } = String;

function utf8Bytes(value) {
  const source = rt.text(value).toWellFormed();
  return Uint8Array.fromBase64(btoa(unescape(encodeURIComponent(source))));
}

function utf8Text(bytes) {
  try {
    return decodeURIComponent(escape(atob(bytes.toBase64())));
  } catch {
    return decodeLoosely(bytes);
  }
}

// What is not UTF-8 becomes U+FFFD, one for each maximal part of a sequence.
function decodeLoosely(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at];
    if (lead < 0x80) {
      parts.push(fromCharCode(lead));
      at += 1;
      continue;
    }
    const more = lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
    let point = lead & (0x3f >> more), seen = 0;
    while (seen < more) {
      const next = bytes[at + 1 + seen];
      const low = seen > 0 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
      const high = seen > 0 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
      if (!(next >= low && next <= high)) break;
      point = (point << 6) | (next & 0x3f);
      seen += 1;
    }
    parts.push(more > 0 && seen === more ? String.fromCodePoint(point) : "\uFFFD");
    at += 1 + seen;
  }
  return parts.join("");
}

const latin1Text = (bytes) => atob(bytes.toBase64());
const latin1Bytes = (value) => Uint8Array.fromBase64(btoa(value));

function viewOf(source) {
  if (source === undefined) return new Uint8Array(0);
  if (source instanceof ArrayBuffer || source instanceof SharedArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  throw new TypeError("bytes are needed: an ArrayBuffer or a view of one");
}

class TextEncoder {
  get encoding() {
    return "utf-8";
  }
  encode(value = "") {
    return utf8Bytes(value);
  }
  encodeInto(value, into) {
    const bytes = utf8Bytes(value);
    let written = Math.min(bytes.length, into.length);
    while (written > 0 && written < bytes.length && (bytes[written] & 0xc0) === 0x80) written -= 1;
    into.set(bytes.subarray(0, written));
    return { read: utf8Text(bytes.subarray(0, written)).length, written };
  }
}

const LABELS = { utf8: "utf-8", "utf-8": "utf-8", "unicode-1-1-utf-8": "utf-8", ascii: "windows-1252", "us-ascii": "windows-1252",
  latin1: "windows-1252", "iso-8859-1": "windows-1252", "windows-1252": "windows-1252", "utf-16le": "utf-16le", "utf-16": "utf-16le" };
const WINDOWS_1252 = "€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8DŽ\x8F\x90‘’“”•–—˜™š›œ\x9DžŸ";

class TextDecoder {
  #held = new Uint8Array(0);
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    this.encoding = LABELS[rt.text(label).trim().toLowerCase()];
    if (!this.encoding) throw new RangeError(`The encoding '${label}' is not supported`);
    this.fatal = fatal;
    this.ignoreBOM = ignoreBOM;
  }
  decode(source, { stream = false } = {}) {
    let bytes = viewOf(source);
    if (this.#held.length) {
      const both = new Uint8Array(this.#held.length + bytes.length);
      both.set(this.#held);
      both.set(bytes, this.#held.length);
      bytes = both;
    }
    const whole = stream ? this.#complete(bytes) : bytes.length;
    this.#held = bytes.slice(whole);
    return this.#text(bytes.subarray(0, whole));
  }
  #complete(bytes) {
    if (this.encoding === "utf-16le") return bytes.length & ~1;
    if (this.encoding !== "utf-8") return bytes.length;
    for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
      const lead = bytes[bytes.length - back];
      if ((lead & 0xc0) === 0x80) continue;
      const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
      return size > back ? bytes.length - back : bytes.length;
    }
    return bytes.length;
  }
  #text(bytes) {
    if (this.encoding === "windows-1252") return latin1Text(bytes).replace(/[\x80-\x9f]/g, (one) => WINDOWS_1252[one.charCodeAt(0) - 128]);
    if (this.encoding === "utf-16le") {
      const parts = [];
      for (let at = 0; at + 1 < bytes.length; at += 2) parts.push(fromCharCode(bytes[at] | (bytes[at + 1] << 8)));
      return parts.join("").toWellFormed();
    }
    let found;
    try {
      found = decodeURIComponent(escape(latin1Text(bytes)));
    } catch {
      if (this.fatal) throw new TypeError("The encoded data was not valid for encoding utf-8");
      found = decodeLoosely(bytes);
    }
    return !this.ignoreBOM && found.charCodeAt(0) === 0xfeff ? found.slice(1) : found;
  }
}

// A copy of anything but functions and symbols, with the shape it has, cycles included.
function structuredClone(value, { transfer: _ } = {}) {
  const seen = new Map();
  const copy = (one) => {
    if (typeof one === "function" || typeof one === "symbol") {
      throw new DOMException(`${rt.text(one).slice(0, 80)} could not be cloned.`, "DataCloneError");
    }
    if (typeof one !== "object" || one === null) return one;
    if (seen.has(one)) return seen.get(one);
    const keep = (made) => (seen.set(one, made), made);
    if (one instanceof Date) return keep(new Date(one.getTime()));
    if (one instanceof RegExp) return keep(new RegExp(one.source, one.flags));
    if (one instanceof Boolean || one instanceof Number || one instanceof String) return keep(Object(one.valueOf()));
    if (one instanceof ArrayBuffer) return keep(one.slice(0));
    if (one instanceof DataView) return keep(new DataView(copy(one.buffer), one.byteOffset, one.byteLength));
    if (ArrayBuffer.isView(one)) {
      const plain = Object.getPrototypeOf(one.constructor) === Uint8Array ? Uint8Array : one.constructor;
      return keep(new plain(copy(one.buffer), one.byteOffset, one.length));
    }
    if (one instanceof Map) {
      const made = keep(new Map());
      one.forEach((inner, key) => made.set(copy(key), copy(inner)));
      return made;
    }
    if (one instanceof Set) {
      const made = keep(new Set());
      one.forEach((inner) => made.add(copy(inner)));
      return made;
    }
    if (one instanceof Error) {
      const kinds = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
      const made = keep(new (kinds[one.name] ?? Error)(one.message));
      rt.defineProperty(made, "stack", { value: one.stack, configurable: true, writable: true });
      if ("cause" in one) rt.defineProperty(made, "cause", { value: copy(one.cause), configurable: true, writable: true });
      return made;
    }
    if (one instanceof Promise || one instanceof WeakMap || one instanceof WeakSet || one instanceof WeakRef) {
      throw new DOMException("the object could not be cloned.", "DataCloneError");
    }
    const made = keep(Array.isArray(one) ? new Array(one.length) : {});
    for (const key of Object.keys(one)) made[key] = copy(one[key]);
    return made;
  };
  return copy(value);
}

rt.assign(rt, { utf8Bytes, utf8Text, latin1Text, latin1Bytes, viewOf });
rt.assign(rt.globals, { TextEncoder, TextDecoder, structuredClone });
