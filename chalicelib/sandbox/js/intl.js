// The parts of Intl that components use: English, plain numbers, dates in any time zone (the tables of moment-timezone,
// loaded when a zone other than UTC is asked for).

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const UTC_NAMES = new Set(["utc", "gmt", "etc/utc", "etc/gmt", "z", "zulu", "etc/zulu", "universal", "etc/universal"]);
const two = (value) => rt.text(value).padStart(2, "0");

// The zone's tables, null for UTC.
function zoneOf(name) {
  if (UTC_NAMES.has(rt.text(name).toLowerCase())) return null;
  const zone = rt.external("moment-timezone").tz.zone(rt.text(name));
  if (!zone) throw new RangeError(`Invalid time zone specified: ${name}`);
  return zone;
}

class DateTimeFormat {
  #options;
  #zone;
  constructor(locale, options = {}) {
    const zone = options.timeZone ?? "UTC";
    this.#zone = zoneOf(zone);
    const parts = ["weekday", "era", "year", "month", "day", "hour", "minute", "second", "dayPeriod", "fractionalSecondDigits", "timeZoneName"];
    const none = !parts.some((name) => options[name]) && !options.dateStyle && !options.timeStyle;
    const hour12 = options.hour12 ?? (options.hourCycle ? /^h1[12]$/.test(options.hourCycle) : true);
    this.#options = { ...(none ? { year: "numeric", month: "numeric", day: "numeric" } : styled(options)), ...options, timeZone: this.#zone?.name ?? "UTC", hour12 };
  }
  static supportedLocalesOf(locales) {
    return [locales].flat();
  }
  resolvedOptions() {
    const { hour12, ...rest } = this.#options;
    return { locale: "en-US", calendar: "gregory", numberingSystem: "latn", ...rest, hourCycle: hour12 ? "h12" : "h23" };
  }
  format(date) {
    return this.formatToParts(date).map((part) => part.value).join("");
  }
  formatToParts(given) {
    const at = given === undefined ? rt.now() : new Date(given).getTime();
    if (Number.isNaN(at)) throw new RangeError("Invalid time value");
    // The zone's wall clock, read as if it were UTC.
    const date = new Date(at - (this.#zone?.utcOffset(at) ?? 0) * 60000);
    const day = dateParts(date, this.#options), time = timeParts(date, this.#options, this.#zone?.abbr(at) ?? "UTC");
    if (this.#options.era) day.push({ type: "literal", value: " " }, { type: "era", value: date.getUTCFullYear() > 0 ? "AD" : "BC" });
    return day.length && time.length ? [...day, { type: "literal", value: ", " }, ...time] : [...day, ...time];
  }
}

function styled({ dateStyle, timeStyle }) {
  const dates = { full: { weekday: "long", year: "numeric", month: "long", day: "numeric" }, long: { year: "numeric", month: "long", day: "numeric" },
    medium: { year: "numeric", month: "short", day: "numeric" }, short: { year: "2-digit", month: "numeric", day: "numeric" } };
  const long = { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
  const times = { full: long, long, medium: { ...long, timeZoneName: undefined }, short: { hour: "numeric", minute: "2-digit" } };
  return { ...dates[dateStyle], ...times[timeStyle] };
}

const sized = (value, style) => (style === "2-digit" ? two(value % 100) : rt.text(value));
const named = (name, style) => (style === "short" ? name.slice(0, 3) : style === "narrow" ? name[0] : name);

function joinedParts(parts, between) {
  return parts.flatMap((part, at) => (at ? [{ type: "literal", value: typeof between === "string" ? between : between(parts, at) }, part] : [part]));
}

function dateParts(date, { weekday, year, month, day }) {
  const parts = [];
  const isName = month && month !== "numeric" && month !== "2-digit";
  if (weekday) parts.push({ type: "weekday", value: named(WEEKDAYS[date.getUTCDay()], weekday) });
  if (month) parts.push({ type: "month", value: isName ? named(MONTHS[date.getUTCMonth()], month) : sized(date.getUTCMonth() + 1, month) });
  if (day) parts.push({ type: "day", value: sized(date.getUTCDate(), day) });
  if (year) parts.push({ type: "year", value: sized(Math.abs(date.getUTCFullYear()), year) });
  return joinedParts(parts, (all, at) => {
    if (all[at - 1].type === "weekday") return ", ";
    if (!isName) return "/";
    return all[at].type === "year" && day ? ", " : " ";
  });
}

function timeParts(date, { hour, minute, second, hour12, timeZoneName, fractionalSecondDigits }, zone) {
  const parts = [];
  const hours = hour12 ? date.getUTCHours() % 12 || 12 : date.getUTCHours();
  if (hour) parts.push({ type: "hour", value: hour12 ? sized(hours, hour) : two(hours) });
  if (minute) parts.push({ type: "minute", value: hour || second ? two(date.getUTCMinutes()) : sized(date.getUTCMinutes(), minute) });
  if (second) parts.push({ type: "second", value: minute ? two(date.getUTCSeconds()) : sized(date.getUTCSeconds(), second) });
  const all = joinedParts(parts, ":");
  if (fractionalSecondDigits) all.push({ type: "literal", value: "." }, { type: "fractionalSecond", value: rt.text(date.getUTCMilliseconds()).padStart(3, "0").slice(0, fractionalSecondDigits) });
  if (hour && hour12) all.push({ type: "literal", value: " " }, { type: "dayPeriod", value: date.getUTCHours() < 12 ? "AM" : "PM" });
  if (timeZoneName) all.push(...(all.length ? [{ type: "literal", value: " " }] : []), { type: "timeZoneName", value: timeZoneName === "long" && zone === "UTC" ? "Coordinated Universal Time" : zone });
  return all;
}

class NumberFormat {
  #options;
  constructor(locale, options = {}) {
    const currency = options.style === "currency";
    const least = options.minimumFractionDigits ?? (currency ? 2 : 0);
    const most = options.maximumFractionDigits ?? Math.max(least, currency ? 2 : options.style === "percent" ? 0 : 3);
    this.#options = { style: "decimal", useGrouping: true, minimumIntegerDigits: 1, ...options, minimumFractionDigits: least, maximumFractionDigits: most };
  }
  resolvedOptions() {
    return { locale: "en-US", numberingSystem: "latn", ...this.#options };
  }
  format(given) {
    const { style, currency, useGrouping, minimumIntegerDigits, minimumFractionDigits: least, maximumFractionDigits: most } = this.#options;
    const number = Number(given) * (style === "percent" ? 100 : 1);
    if (!Number.isFinite(number)) return Number.isNaN(number) ? "NaN" : number < 0 ? "-∞" : "∞";
    let [whole, part = ""] = Math.abs(number).toFixed(most).split(".");
    while (part.length > least && part.endsWith("0")) part = part.slice(0, -1);
    whole = whole.padStart(minimumIntegerDigits, "0");
    if (useGrouping) whole = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    const sign = number < 0 ? "-" : "", text = part ? `${whole}.${part}` : whole;
    const marks = { USD: "$", EUR: "€", GBP: "£", JPY: "¥" };
    if (style === "currency") return `${sign}${marks[currency] ?? `${currency} `}${text}`;
    return `${sign}${text}${style === "percent" ? "%" : ""}`;
  }
  formatToParts(given) {
    return [{ type: "literal", value: this.format(given) }];
  }
}

class Collator {
  constructor(locale, options = {}) {
    const key = (value) => rt.text(value).normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
    const order = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
    // Letters first; then marks and case, small letters before capitals.
    this.compare = (one, other) => {
      const found = byLetters(one, other);
      if (found || options.sensitivity === "base") return found;
      return order(rt.text(other), rt.text(one));
    };
    const byLetters = (one, other) => {
      if (!options.numeric) return order(key(one), key(other));
      const parts = [key(one), key(other)].map((value) => value.match(/\d+|\D+/g) ?? []);
      for (let at = 0; at < Math.min(parts[0].length, parts[1].length); at += 1) {
        const difference = /^\d/.test(parts[0][at]) && /^\d/.test(parts[1][at]) ? parts[0][at] - parts[1][at] : order(parts[0][at], parts[1][at]);
        if (difference) return Math.sign(difference);
      }
      return Math.sign(parts[0].length - parts[1].length);
    };
  }
  resolvedOptions() {
    return { locale: "en-US", usage: "sort" };
  }
}

class PluralRules {
  #ordinal;
  constructor(locale, { type } = {}) {
    this.#ordinal = type === "ordinal";
  }
  select(number) {
    if (!this.#ordinal) return number === 1 ? "one" : "other";
    const ten = number % 10, hundred = number % 100;
    if (ten === 1 && hundred !== 11) return "one";
    if (ten === 2 && hundred !== 12) return "two";
    return ten === 3 && hundred !== 13 ? "few" : "other";
  }
}

class ListFormat {
  #word;
  constructor(locale, { type = "conjunction" } = {}) {
    this.#word = type === "disjunction" ? "or" : "and";
  }
  format(items) {
    const all = [...items];
    if (all.length < 3) return all.join(` ${this.#word} `);
    return `${all.slice(0, -1).join(", ")}, ${this.#word} ${all.at(-1)}`;
  }
}

class RelativeTimeFormat {
  #auto;
  constructor(locale, { numeric = "always" } = {}) {
    this.#auto = numeric === "auto";
  }
  format(value, unit) {
    const name = unit.replace(/s$/, ""), size = Math.abs(value);
    if (this.#auto && name === "day" && size <= 1) return value < 0 ? "yesterday" : value > 0 ? "tomorrow" : "today";
    const text = `${new NumberFormat().format(size)} ${name}${size === 1 ? "" : "s"}`;
    return value < 0 || Object.is(value, -0) ? `${text} ago` : `in ${text}`;
  }
}

class Locale {
  constructor(tag) {
    this.baseName = rt.text(tag);
    this.language = this.baseName.split("-")[0];
  }
  toString() {
    return this.baseName;
  }
}

rt.globals.Intl = {
  DateTimeFormat, NumberFormat, Collator, PluralRules, ListFormat, RelativeTimeFormat, Locale,
  getCanonicalLocales: (tags) => [tags ?? []].flat(), supportedValuesOf: (kind) => (kind === "timeZone" ? rt.external("moment-timezone").tz.names() : []),
};
// Calling them without new works for these two.
for (const name of ["DateTimeFormat", "NumberFormat"]) {
  const Format = rt.globals.Intl[name];
  const callable = function (...list) {
    return new Format(...list);
  };
  callable.prototype = Format.prototype;
  callable.supportedLocalesOf = (tags) => [tags].flat();
  rt.globals.Intl[name] = callable;
}
const define = (prototype, name, value) => rt.defineProperty(prototype, name, { value, writable: true, configurable: true });
define(Number.prototype, "toLocaleString", function (locale, options) {
  return new NumberFormat(locale, options).format(this);
});
const FIELDS = ["weekday", "year", "month", "day", "dayPeriod", "hour", "minute", "second", "fractionalSecondDigits", "dateStyle", "timeStyle"];
const WHOLE = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" };
const { hour, minute, second, ...DATE } = WHOLE;
for (const [name, usual] of [["toLocaleString", WHOLE], ["toLocaleDateString", DATE], ["toLocaleTimeString", { hour, minute, second }]]) {
  define(Date.prototype, name, function (locale, options = {}) {
    const chosen = FIELDS.some((field) => options[field] !== undefined) ? options : { ...usual, ...options };
    return new rt.globals.Intl.DateTimeFormat(locale, chosen).format(this);
  });
}
