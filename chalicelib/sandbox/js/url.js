// URL and URLSearchParams as the URL standard has them, for hosts that are names, IPv4 or bracketed IPv6. What may be
// called is judged by the host, which reads addresses by itself.

const SPECIAL = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21", "file:": "" };
const hex = (byte) => `%${byte < 16 ? "0" : ""}${byte.toString(16).toUpperCase()}`;

function encoded(value, extra) {
  return value.toWellFormed().replace(/[^\x21-\x7e]|["<>`{}^|\\]|[#?'\/:;=@[\]&+$,%!*()~]/gu, (one) => {
    if (one.length === 1 && one >= "!" && one <= "~" && !extra.includes(one)) return one;
    let found = "";
    for (const byte of rt.utf8Bytes(one)) found += hex(byte);
    return found;
  });
}
const PATH = '"#<>?`{}', QUERY = "\"#<>'", RAW_QUERY = '"#<>', FRAGMENT = '"<>`', USER = '"#<>?`{}/:;=@[\\]^|';

const percentDecoded = (value) => {
  if (!value.includes("%")) return value;
  const bytes = [];
  for (const byte of rt.utf8Bytes(value)) bytes.push(byte);
  const found = [];
  for (let at = 0; at < bytes.length; at += 1) {
    const code = bytes[at] === 37 ? parseInt(String.fromCharCode(bytes[at + 1], bytes[at + 2]), 16) : NaN;
    const isEscape = bytes[at] === 37 && /^[0-9a-f]{2}$/i.test(String.fromCharCode(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0));
    found.push(isEscape ? code : bytes[at]);
    if (isEscape) at += 2;
  }
  return rt.utf8Text(new Uint8Array(found));
};

const DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789";

// RFC 3492, of one label.
function punycode(label) {
  const points = Array.from(label, (one) => one.codePointAt(0));
  let output = points.filter((point) => point < 128).map((point) => String.fromCharCode(point)).join("");
  const basic = output.length;
  if (basic) output += "-";
  let n = 128, delta = 0, bias = 72, handled = basic;
  while (handled < points.length) {
    const m = Math.min(...points.filter((point) => point >= n));
    delta += (m - n) * (handled + 1);
    n = m;
    for (const point of points) {
      if (point < n) delta += 1;
      if (point !== n) continue;
      let q = delta;
      for (let k = 36; ; k += 36) {
        const t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
        if (q < t) break;
        output += DIGITS[t + ((q - t) % (36 - t))];
        q = Math.floor((q - t) / (36 - t));
      }
      output += DIGITS[q];
      delta = handled === basic ? Math.floor(delta / 700) : delta >> 1;
      delta += Math.floor(delta / (handled + 1));
      let k = 0;
      for (; delta > 455; k += 36) delta = Math.floor(delta / 35);
      bias = k + Math.floor((36 * delta) / (delta + 38));
      delta = 0;
      handled += 1;
    }
    delta += 1;
    n += 1;
  }
  return output;
}

function ipv4(host) {
  const parts = host.replace(/\.$/, "").split(".");
  if (!/^(?:0x[0-9a-f]*|[0-9]+)$/i.test(parts.at(-1))) return host;
  if (parts.length > 4) return null;
  const numbers = parts.map((part) => {
    if (/^0x[0-9a-f]*$/i.test(part)) return part.length === 2 ? 0 : parseInt(part, 16);
    if (/^0[0-7]*$/.test(part)) return parseInt(part, 8);
    return /^[1-9][0-9]*$/.test(part) ? parseInt(part, 10) : NaN;
  });
  const last = numbers.pop();
  if (numbers.some((number) => !(number <= 255)) || !(last < 256 ** (4 - numbers.length))) return null;
  let address = last;
  numbers.forEach((number, at) => (address += number * 256 ** (3 - at)));
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

function ipv6(host) {
  const [left, right, ...more] = host.split("::");
  if (more.length || !/^[0-9a-f:.]*$/i.test(host)) return null;
  const groups = (part) => {
    if (!part) return [];
    return part.split(":").flatMap((group) => {
      if (!group.includes(".")) return /^[0-9a-f]{1,4}$/i.test(group) ? [parseInt(group, 16)] : [NaN];
      const bytes = group.split(".").map(Number);
      return bytes.length === 4 && bytes.every((byte) => byte >= 0 && byte <= 255) ? [bytes[0] * 256 + bytes[1], bytes[2] * 256 + bytes[3]] : [NaN];
    });
  };
  const head = groups(left), tail = groups(right);
  if (right === undefined ? head.length !== 8 : head.length + tail.length > 7) return null;
  const all = [...head, ...new Array(8 - head.length - tail.length).fill(0), ...tail];
  if (all.some(Number.isNaN)) return null;
  let best = { at: -1, size: 1 };
  for (let at = 0; at < 8; at += 1) {
    let size = 0;
    while (at + size < 8 && all[at + size] === 0) size += 1;
    if (size > best.size) best = { at, size };
  }
  const written = (part) => part.map((group) => group.toString(16)).join(":");
  return best.at < 0 ? `[${written(all)}]` : `[${written(all.slice(0, best.at))}::${written(all.slice(best.at + best.size))}]`;
}

function parsedHost(raw, special) {
  if (raw.startsWith("[")) return raw.endsWith("]") ? ipv6(raw.slice(1, -1)) : null;
  if (!special) return /[\0\t\n\r #/<>?@[\\\]^|]/.test(raw) ? null : encoded(raw, "");
  const name = percentDecoded(raw).normalize("NFKC").toLowerCase().replace(/[。．｡]/g, ".").replace(/\u00ad/g, "");
  const ascii = name.split(".").map((label) => (/[^\0-\x7f]/.test(label) ? `xn--${punycode(label)}` : label)).join(".");
  if (!ascii || /[\0-\x20"#%/:<>?@[\\\]^`{|}\x7f]/.test(ascii)) return null;
  return ipv4(ascii);
}

function dotsResolved(path, special) {
  const parts = [];
  const given = (special ? path.replace(/\\/g, "/") : path).split("/").slice(1);
  given.forEach((part, at) => {
    const plain = part.replace(/%2e/gi, ".");
    const last = at === given.length - 1;
    if (plain === "..") {
      parts.pop();
      if (last) parts.push("");
    } else if (plain === ".") {
      if (last) parts.push("");
    } else parts.push(part);
  });
  return `/${parts.join("/")}`;
}

const fail = (input) => {
  const error = new TypeError("Invalid URL");
  error.code = "ERR_INVALID_URL";
  error.input = input;
  throw error;
};

function readAuthority(into, authority, input) {
  const special = into.protocol in SPECIAL;
  const at = authority.lastIndexOf("@");
  if (at >= 0) {
    const [user, ...password] = authority.slice(0, at).split(":");
    into.username = encoded(user, USER);
    into.password = encoded(password.join(":"), USER);
  }
  const [, host, , port] = /^(\[[^\]]*\]|[^:]*)(:(.*))?$/s.exec(authority.slice(at + 1)) ?? fail(input);
  if (!host && special && into.protocol !== "file:") fail(input);
  into.hostname = host ? parsedHost(host, special) ?? fail(input) : "";
  if (port) {
    if (!/^[0-9]+$/.test(port) || +port > 65535) fail(input);
    into.port = rt.text(+port) === SPECIAL[into.protocol] ? "" : rt.text(+port);
  }
}

function parsed(input, base) {
  const given = input.replace(/^[\0-\x20]+|[\0-\x20]+$/g, "").replace(/[\t\n\r]/g, "");
  const url = { protocol: "", username: "", password: "", hostname: null, port: "", pathname: "", search: "", hash: "" };
  let [, rest, , fragment] = /^([^#]*)(#(.*))?$/s.exec(given);
  if (fragment) url.hash = `#${encoded(fragment, FRAGMENT)}`;
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(rest);
  const protocol = scheme ? scheme[0].toLowerCase() : null;
  const relativeToSame = base && protocol === base.protocol && protocol in SPECIAL && !/^[^:]*:[/\\]/.test(rest);
  if (scheme && !relativeToSame) {
    url.protocol = protocol;
    return absolute(url, rest.slice(scheme[0].length), input);
  }
  if (!base) fail(input);
  if (relativeToSame) rest = rest.slice(scheme[0].length);
  return relative(url, rest, base, input);
}

function splitQuery(url, rest) {
  const at = rest.indexOf("?");
  if (at < 0) return rest;
  const query = rest.slice(at + 1);
  url.search = query ? `?${encoded(query, url.protocol in SPECIAL ? QUERY : RAW_QUERY)}` : "";
  return rest.slice(0, at);
}

function absolute(url, rest, input) {
  const special = url.protocol in SPECIAL;
  const path = splitQuery(url, rest);
  if (special && url.protocol !== "file:") {
    const [, authority, after] = /^[/\\]*([^/\\]*)(.*)$/s.exec(path);
    readAuthority(url, authority, input);
    url.pathname = encoded(dotsResolved(after || "/", true), PATH);
  } else if (path.startsWith("//")) {
    const [, authority, after] = /^\/\/([^/]*)(.*)$/s.exec(path);
    readAuthority(url, authority, input);
    url.pathname = after ? encoded(dotsResolved(after, special), PATH) : special ? "/" : "";
  } else if (path.startsWith("/") || special) {
    url.hostname = special ? "" : null;
    url.pathname = encoded(dotsResolved(path.startsWith("/") ? path : `/${path}`, special), PATH);
  } else url.pathname = path.split(" ").map((part) => encoded(part, "")).join(" ");
  return url;
}

function relative(url, rest, base, input) {
  const special = base.protocol in SPECIAL;
  const slash = special ? /^[/\\]/ : /^\//;
  if (base.hostname === null && !base.pathname.startsWith("/") && rest) fail(input);
  rt.assign(url, { protocol: base.protocol, username: base.username, password: base.password, hostname: base.hostname, port: base.port });
  if (special ? /^[/\\]{2}/.test(rest) : rest.startsWith("//")) {
    rt.assign(url, { username: "", password: "", port: "" });
    return absolute(url, rest, input);
  }
  const path = splitQuery(url, rest);
  if (!path) {
    url.pathname = base.pathname;
    if (!rest.includes("?")) url.search = base.search;
  } else if (slash.test(path)) url.pathname = encoded(dotsResolved(path, special), PATH);
  else url.pathname = encoded(dotsResolved(base.pathname.replace(/[^/]*$/, "") + path || "/", special), PATH);
  return url;
}

const formEncoded = (value) =>
  encodeURIComponent(value.toWellFormed()).replace(/%20/g, "+").replace(/[!'()~]/g, (one) => hex(one.charCodeAt(0)));
const formDecoded = (value) => percentDecoded(value.replace(/\+/g, " "));

class URLSearchParams {
  #pairs = [];
  #changed = null;
  constructor(init = "") {
    if (typeof init === "object" && init !== null) {
      const list = typeof init[Symbol.iterator] === "function" ? [...init] : rt.entries(init);
      for (const pair of list) {
        const [name, value, ...more] = pair;
        if (more.length || pair.length < 2) throw new TypeError("Each query pair must be an iterable [name, value] tuple");
        this.#pairs.push([rt.text(name).toWellFormed(), rt.text(value).toWellFormed()]);
      }
    } else this.#read(rt.text(init));
  }
  static #bind(params, changed) {
    params.#changed = changed;
  }
  static #refill(params, query) {
    params.#pairs = [];
    params.#read(query);
  }
  static {
    rt.bindParams = (params, changed) => URLSearchParams.#bind(params, changed);
    rt.refillParams = (params, query) => URLSearchParams.#refill(params, query);
  }
  #read(query) {
    for (const part of query.replace(/^\?/, "").split("&")) {
      if (!part) continue;
      const at = part.indexOf("=");
      this.#pairs.push(at < 0 ? [formDecoded(part), ""] : [formDecoded(part.slice(0, at)), formDecoded(part.slice(at + 1))]);
    }
  }
  #update() {
    this.#changed?.(this.toString());
  }
  get size() {
    return this.#pairs.length;
  }
  append(name, value) {
    this.#pairs.push([rt.text(name), rt.text(value)]);
    this.#update();
  }
  delete(name, value) {
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== rt.text(name) || (value !== undefined && pair[1] !== rt.text(value)));
    this.#update();
  }
  get(name) {
    return this.#pairs.find((pair) => pair[0] === rt.text(name))?.[1] ?? null;
  }
  getAll(name) {
    return this.#pairs.filter((pair) => pair[0] === rt.text(name)).map((pair) => pair[1]);
  }
  has(name, value) {
    return this.#pairs.some((pair) => pair[0] === rt.text(name) && (value === undefined || pair[1] === rt.text(value)));
  }
  set(name, value) {
    const first = this.#pairs.findIndex((pair) => pair[0] === rt.text(name));
    if (first < 0) return this.append(name, value);
    this.#pairs[first][1] = rt.text(value);
    this.#pairs = this.#pairs.filter((pair, at) => at <= first || pair[0] !== rt.text(name));
    this.#update();
  }
  sort() {
    this.#pairs.sort((one, other) => (one[0] < other[0] ? -1 : one[0] > other[0] ? 1 : 0));
    this.#update();
  }
  forEach(callback, self) {
    for (const [name, value] of this.#pairs) callback.call(self, value, name, this);
  }
  *entries() {
    for (const pair of this.#pairs) yield [...pair];
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
  toString() {
    return this.#pairs.map(([name, value]) => `${formEncoded(name)}=${formEncoded(value)}`).join("&");
  }
  get [Symbol.toStringTag]() {
    return "URLSearchParams";
  }
}

class URL {
  #url;
  #params;
  constructor(input, base) {
    this.#url = parsed(rt.text(input), base === undefined ? null : parsed(rt.text(base), null));
    this.#params = new URLSearchParams(this.#url.search);
    rt.bindParams(this.#params, (query) => (this.#url.search = query ? `?${query}` : ""));
  }
  static canParse(input, base) {
    return URL.parse(input, base) !== null;
  }
  static parse(input, base) {
    try {
      return new URL(input, base);
    } catch {
      return null;
    }
  }
  get href() {
    const { protocol, username, password, hostname, pathname, search, hash } = this.#url;
    const user = username || password ? `${username}${password ? `:${password}` : ""}@` : "";
    const authority = hostname === null ? (pathname.startsWith("//") ? "/." : "") : `//${user}${this.host}`;
    return `${protocol}${authority}${pathname}${search}${hash}`;
  }
  set href(value) {
    this.#url = parsed(rt.text(value), null);
    rt.refillParams(this.#params, this.#url.search);
  }
  get origin() {
    return this.#url.protocol in SPECIAL && this.#url.protocol !== "file:" ? `${this.#url.protocol}//${this.host}` : "null";
  }
  get protocol() {
    return this.#url.protocol;
  }
  set protocol(value) {
    const wanted = rt.text(value).replace(/:.*$/s, "").toLowerCase() + ":";
    if (wanted in SPECIAL === this.#url.protocol in SPECIAL && /^[a-z][a-z0-9+.-]*:$/.test(wanted)) this.#url.protocol = wanted;
    if (SPECIAL[wanted] === this.#url.port) this.#url.port = "";
  }
  get username() {
    return this.#url.username;
  }
  set username(value) {
    this.#url.username = encoded(rt.text(value), USER);
  }
  get password() {
    return this.#url.password;
  }
  set password(value) {
    this.#url.password = encoded(rt.text(value), USER);
  }
  get host() {
    return (this.#url.hostname ?? "") + (this.#url.port ? `:${this.#url.port}` : "");
  }
  set host(value) {
    const [, name, port] = /^(\[[^\]]*\]|[^:/?#\\]*)(?::([0-9]*))?/.exec(rt.text(value));
    this.hostname = name;
    if (port) this.port = port;
  }
  get hostname() {
    return this.#url.hostname ?? "";
  }
  set hostname(value) {
    const host = parsedHost(rt.text(value), this.#url.protocol in SPECIAL);
    if (host) this.#url.hostname = host;
  }
  get port() {
    return this.#url.port;
  }
  set port(value) {
    const wanted = /^[0-9]*/.exec(rt.text(value))[0];
    if (wanted === "" || +wanted <= 65535) this.#url.port = wanted === SPECIAL[this.#url.protocol] ? "" : wanted && rt.text(+wanted);
  }
  get pathname() {
    return this.#url.pathname;
  }
  set pathname(value) {
    const special = this.#url.protocol in SPECIAL, path = rt.text(value);
    this.#url.pathname = encoded(dotsResolved(/^[/\\]/.test(path) ? path : `/${path}`, special), PATH);
  }
  get search() {
    return this.#url.search;
  }
  set search(value) {
    const query = rt.text(value).replace(/^\?/, "");
    this.#url.search = query ? `?${encoded(query, QUERY)}` : "";
    rt.refillParams(this.#params, query);
  }
  get searchParams() {
    return this.#params;
  }
  get hash() {
    return this.#url.hash;
  }
  set hash(value) {
    const fragment = rt.text(value).replace(/^#/, "");
    this.#url.hash = fragment ? `#${encoded(fragment, FRAGMENT)}` : "";
  }
  toString() {
    return this.href;
  }
  toJSON() {
    return this.href;
  }
  get [Symbol.toStringTag]() {
    return "URL";
  }
}

rt.assign(rt.globals, { URL, URLSearchParams });
