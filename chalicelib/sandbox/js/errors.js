// Errors as data. Everything that looks at a thrown value is here: it may be anything, with getters that throw.

// The bundle is evaluated as one text whose lines begin here, after those of the runtime and its libraries, so that a
// line number alone says which file it belongs to.
const FIRST_LINE = 5000;
const places = [];   // [first line, last line, file]

function placeOf(line) {
  for (let at = 0; at < places.length; at += 1) {
    const [first, last, file] = places[at];
    if (line >= first && line <= last) return { file, line: line - first + 1 };
  }
  return null;
}

const FRAME = /^ {4}at (?:(.*) )?\(?<input>:(\d+)(?::(\d+))?\)?$/;

// The stack with the bundle's own frames and places only.
function ownStack(stack) {
  const frames = [];
  let first = null;
  for (const line of rt.text(stack).split("\n")) {
    const match = FRAME.exec(line);
    const place = match && placeOf(+match[2]);
    if (!place) continue;
    first ??= place;
    frames.push(`    at ${match[1] || "<anonymous>"} (${place.file}:${place.line}${match[3] ? `:${match[3]}` : ""})`);
    if (frames.length === 50) break;
  }
  return { frames, place: first };
}

const read = (error, name) => {
  try {
    const value = error[name];
    return value === undefined || value === null ? "" : rt.text(value);
  } catch {
    return "";
  }
};
// Even this can throw: of a proxy, or one that was revoked.
function isInstance(value, kind) {
  try {
    return value instanceof kind;
  } catch {
    return false;
  }
}

const cut = (value, most) => (value.length > most ? value.slice(0, most) : value).toWellFormed();

function failureOf(error) {
  if ((typeof error !== "object" || error === null) && typeof error !== "function") {
    return { name: "Error", message: cut(typeof error === "string" ? error : rt.messageOf(error), 8192), stack: "" };
  }
  const name = cut(read(error, "name") || "Error", 200);
  let message = cut(read(error, "message"), 8192);
  if (!message && !isInstance(error, Error)) {
    try {
      message = cut(rt.stringify(error) ?? rt.text(error), 8192);
    } catch {
      message = cut(rt.messageOf(error), 8192);
    }
  }
  const { frames, place } = ownStack(read(error, "stack"));
  const stack = [message ? `${name}: ${message}` : name, ...frames].join("\n");
  return { name, message, stack, file: place?.file, line: place?.line };
}

rt.assign(rt, { FIRST_LINE, places, failureOf, isInstance });
