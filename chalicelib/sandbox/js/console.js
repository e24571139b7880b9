// console and util.inspect: values as text, within bounds.

const MOST_ITEMS = 100, MOST_TEXT = 16384;

function inspect(value, options = {}) {
  const depth = options?.depth === null ? Infinity : options?.depth ?? 4;
  const seen = [];
  let budget = MOST_TEXT;
  const show = (one, level) => {
    if (budget <= 0) return "...";
    const found = shape(one, level);
    budget -= found.length;
    return found;
  };
  const shape = (one, level) => {
    if (typeof one === "string") return level ? quotedText(one) : one;
    if (typeof one === "bigint") return `${one}n`;
    if (typeof one === "symbol") return one.toString();
    if (typeof one === "function") return `[${/^class\b/.test(Function.prototype.toString.call(one)) ? "class" : "Function"}: ${one.name || "(anonymous)"}]`;
    if (typeof one !== "object" || one === null) return Object.is(one, -0) ? "-0" : rt.text(one);
    if (seen.includes(one)) return "[Circular]";
    seen.push(one);
    try {
      return objectShape(one, level);
    } finally {
      seen.pop();
    }
  };
  const objectShape = (one, level) => {
    if (one instanceof Error) return errorShape(one);
    if (one instanceof Date) return Number.isNaN(one.getTime()) ? "Invalid Date" : one.toISOString();
    if (one instanceof RegExp) return rt.text(one);
    if (one instanceof Promise) return "Promise { ... }";
    if (level > depth) return Array.isArray(one) ? "[Array]" : `[${nameOf(one) || "Object"}]`;
    if (Array.isArray(one)) return list("[", one.slice(0, MOST_ITEMS).map((item) => show(item, level + 1)), one.length, "]");
    if (one instanceof Map) return list(`Map(${one.size}) {`, [...one].slice(0, MOST_ITEMS).map(([key, item]) => `${show(key, level + 1)} => ${show(item, level + 1)}`), one.size, "}");
    if (one instanceof Set) return list(`Set(${one.size}) {`, [...one].slice(0, MOST_ITEMS).map((item) => show(item, level + 1)), one.size, "}");
    if (rt.Buffer?.isBuffer(one)) return `<Buffer ${one.subarray(0, 50).toString("hex").replace(/(..)(?=.)/g, "$1 ")}${one.length > 50 ? ` ... ${one.length - 50} more bytes` : ""}>`;
    if (ArrayBuffer.isView(one) && !(one instanceof DataView)) return list(`${nameOf(one)}(${one.length}) [`, [...one.subarray(0, MOST_ITEMS)].map(rt.text), one.length, "]");
    const names = Object.keys(one);
    const members = names.slice(0, MOST_ITEMS).map((key) => `${/^[\w$]+$/.test(key) ? key : quotedText(key)}: ${member(one, key, level)}`);
    const name = nameOf(one);
    return `${name && name !== "Object" ? `${name} ` : ""}${list("{", members, names.length, "}")}`;
  };
  const member = (one, key, level) => {
    const { get, set } = Object.getOwnPropertyDescriptor(one, key) ?? {};
    if (get) return set ? "[Getter/Setter]" : "[Getter]";
    return show(one[key], level + 1);
  };
  return show(value, options?.top === false ? 1 : 0).slice(0, MOST_TEXT);
}

const quotedText = (value) => (value.includes("'") ? rt.stringify(value) : `'${rt.stringify(value).slice(1, -1).replaceAll('\\"', '"')}'`);
const nameOf = (one) => {
  const prototype = rt.getPrototypeOf(one);
  return prototype === null ? "[Object: null prototype]" : prototype.constructor?.name ?? "";
};
const list = (open, items, count, close) => {
  if (!count) return open + close;
  const more = count > items.length ? `, ... ${count - items.length} more items` : "";
  return `${open} ${items.join(", ")}${more} ${close}`;
};

function errorShape(error) {
  const { stack } = rt.failureOf(error);
  const extra = Object.keys(error).filter((key) => !["name", "message", "stack"].includes(key) && typeof error[key] !== "object" && typeof error[key] !== "function");
  return extra.length ? `${stack} { ${extra.map((key) => `${key}: ${rt.text(error[key])}`).join(", ")} }` : stack;
}

function format(first, ...rest) {
  if (typeof first !== "string") return [first, ...rest].map((one) => inspect(one)).join(" ");
  const filled = first.replace(/%([sdifjoOc%])/g, (whole, kind) => {
    if (kind === "%") return "%";
    if (!rest.length) return whole;
    const value = rest.shift();
    if (kind === "c") return "";
    if (kind === "s") return typeof value === "object" && value !== null ? inspect(value) : rt.text(value);
    if (kind === "j") return rt.json(value, "a logged value", MOST_TEXT) ?? "undefined";
    if (kind === "o" || kind === "O") return inspect(value, { top: false });
    if (typeof value === "object") return "NaN";
    return rt.text(kind === "d" ? Number(value) : kind === "i" ? parseInt(value, 10) : parseFloat(value));
  });
  return [filled, ...rest.map((one) => inspect(one))].join(" ");
}

let logged = 0, loggedBytes = 0, indent = "";

function log(level, values) {
  if (!rt.job) return;
  const { log_lines: lines, log_line_bytes: most, log_bytes: bytes } = rt.job.limits;
  logged += 1;
  // The newest lines are what is kept in the end, so there is no end to their number, only to their bytes.
  if (loggedBytes > bytes || logged > lines * 100) return rt.countDropped();
  let line = indent + format(...values);
  if (line.length > most) line = `${line.slice(0, most)}...`;
  loggedBytes += line.length + 64;
  rt.post("log", `"${level}"`, rt.text(rt.now()), rt.stringify(line.toWellFormed()));
}

let dropped = 0;
rt.countDropped = () => void (dropped += 1);
rt.droppedLogs = () => dropped;

const times = new Map(), counts = new Map();
const console = {
  log: (...values) => log("info", values),
  info: (...values) => log("info", values),
  debug: (...values) => log("debug", values),
  warn: (...values) => log("warn", values),
  error: (...values) => log("error", values),
  trace: (...values) => log("error", ["Trace:", ...values]),
  dir: (value, options) => log("info", [inspect(value, options)]),
  table: (value) => log("info", [inspect(value)]),
  assert: (condition, ...values) => {
    if (!condition) log("error", ["Assertion failed:", ...values]);
  },
  group: (...values) => {
    if (values.length) log("info", values);
    indent += "  ";
  },
  groupEnd: () => void (indent = indent.slice(2)),
  count: (label = "default") => {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    log("info", [`${label}: ${counts.get(label)}`]);
  },
  countReset: (label = "default") => void counts.delete(label),
  time: (label = "default") => void times.set(label, rt.now()),
  timeLog: (label = "default") => log("info", [`${label}: ${rt.now() - (times.get(label) ?? rt.now())}ms`]),
  timeEnd: (label = "default") => {
    console.timeLog(label);
    times.delete(label);
  },
};
console.groupCollapsed = console.group;

rt.assign(rt, { inspect, format });
rt.globals.console = console;
