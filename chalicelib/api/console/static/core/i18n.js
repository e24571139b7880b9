// Two languages, and dates and numbers as each writes them.

const STORED = "penstock.language";
const texts = { en: {}, de: {} };
export const LANGUAGES = { en: "English", de: "Deutsch" };

let language = choose();

function choose() {
  let stored = null;
  try { stored = localStorage.getItem(STORED); } catch { /* storage may be switched off */ }
  if (stored in LANGUAGES) return stored;
  return (navigator.languages || [navigator.language || "en"]).map((tag) => tag.slice(0, 2)).find((tag) => tag in LANGUAGES) || "en";
}

export const currentLanguage = () => language;

export function setLanguage(chosen) {
  language = chosen;
  try { localStorage.setItem(STORED, chosen); } catch { /* kept for this page only */ }
}

export function addTexts(table, outer = "") {
  for (const [name, value] of Object.entries(table)) {
    const key = outer && name ? `${outer}.${name}` : outer || name;
    if (Array.isArray(value)) [texts.en[key], texts.de[key]] = value;
    else addTexts(value, key);
  }
}

// The text of a key with its {parameters} filled in; numbers are written as the language does.
export function t(key, parameters = {}) {
  const own = texts[language];
  const counted = "n" in parameters ? `${key}.${new Intl.PluralRules(language).select(parameters.n)}` : key;
  const text = own[counted] ?? own[`${key}.other`] ?? own[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    if (!(name in parameters)) return whole;
    return typeof parameters[name] === "number" ? number(parameters[name]) : String(parameters[name]);
  });
}

// The text of `prefix.word` for a word that the API says, or the word itself if we have no text for it.
export function word(prefix, value) {
  return texts[language][`${prefix}.${value}`] ?? String(value ?? "");
}

// Of the language's regions the user's own, which has its ways with dates.
const locale = () => navigator.languages?.find((tag) => tag.startsWith(language)) || language;

const formats = new Map();
function format(kind, options) {
  const key = `${language}${kind.name}${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new kind(locale(), options));
  return formats.get(key);
}

export const number = (value, options = {}) => format(Intl.NumberFormat, options).format(value);

const dateOf = (value) => (value instanceof Date ? value : new Date(value));

export function dateTime(value, options = { dateStyle: "medium", timeStyle: "medium" }) {
  const date = dateOf(value);
  return Number.isNaN(date.getTime()) ? String(value) : format(Intl.DateTimeFormat, options).format(date);
}

const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

export function ago(value, now = Date.now()) {
  const seconds = Math.round((dateOf(value).getTime() - now) / 1000);
  const [unit, size] = STEPS.find(([, each]) => Math.abs(seconds) >= each) || STEPS[3];
  return format(Intl.RelativeTimeFormat, { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

// Milliseconds, in the two largest units that matter.
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${number(Math.round(ms))} ms`;
  if (ms < 60_000) return `${number(ms / 1000, { maximumFractionDigits: ms < 10_000 ? 2 : 1 })} s`;
  const seconds = Math.round(ms / 1000);
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days) return `${number(days)} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return `${minutes} min ${seconds % 60} s`;
}

export function bytes(count) {
  const step = count < 1000 ? 0 : count < 1_000_000 ? 1 : 2;
  return `${number(count / 1000 ** step, { maximumFractionDigits: 1 })} ${["B", "kB", "MB"][step]}`;
}
