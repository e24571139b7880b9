// Modules: the bundle's files, what the runtime brings, the vendored libraries, and stubs for everything else.
// Files are CommonJS by the time they come here; `compile` makes them so.

const missing = new Set();
const loaded = rt.create(null);
let bundle = null;
const EXTENSIONS = [".mjs", ".js", ".ts", ".mts", ".cjs", ".json", "/index.mjs", "/index.js", "/index.ts"];

class ModuleNotAvailableError extends Error {
  constructor(name, member) {
    super(`Cannot find module '${name}': it is not available in this runtime${member ? ` (used as ${member})` : ""}`);
    this.name = "ModuleNotAvailableError";
    this.code = "MODULE_NOT_FOUND";
  }
}

function normalized(path) {
  const parts = [];
  for (const part of path.split("/")) {
    if (part === "..") {
      if (parts.length && parts.at(-1) !== "..") parts.pop();
      else parts.push(part);
    } else if (part !== "." && part !== "") parts.push(part);
  }
  return (path.startsWith("/") ? "/" : "") + parts.join("/");
}

// The paths that an import of a file may mean, as written first.
function candidates(from, specifier, typed) {
  const directory = from.includes("/") ? from.slice(0, from.lastIndexOf("/")) : "";
  const joined = normalized(specifier.startsWith("/") ? specifier : `${directory}/${specifier}`);
  const path = directory.startsWith("/") ? joined : joined.replace(/^\//, "");
  // TypeScript names the file that will be compiled, not the one that is there.
  const original = path.replace(/\.(m?)js$/, ".$1ts");
  if (original !== path) return [path, original];
  if (/\.(?:[cm]?[jt]s|json)$/.test(path)) return [path];
  const extensions = typed ? [".ts", ...EXTENSIONS] : EXTENSIONS;
  return [...new Set(extensions.map((extension) => path + extension)), path];
}

const resolveFile = (from, specifier) => candidates(from, specifier, false).find((path) => Object.hasOwn(bundle.files, path)) ?? null;

const isRelative = (specifier) => /^\.{0,2}\//.test(specifier) || specifier === "." || specifier === "..";

// "node:crypto", "axios@0.19.2", "lodash/get.js", "string_decoder/" → what the tables know.
function plainName(specifier) {
  const name = specifier.replace(/^node:/, "").replace(/^npm:/, "").replace(/(.)\/$/, "$1");
  return name.replace(/^((?:@[^/@]+\/)?[^/@]+)@[^/]*/, "$1").replace(/(.\/.*)\.(?:c|m)?js$/, "$1");
}

function external(specifier) {
  const name = plainName(specifier);
  if (name in loaded) return loaded[name];
  if (rt.builtIn[name]) return (loaded[name] = rt.builtIn[name]());
  const lodash = /^(?:lodash|lodash-es|@types\/lodash)[./](\w+)$/.exec(name);
  if (lodash) {
    const all = external("lodash");
    const found = Object.keys(all).find((key) => key.toLowerCase() === lodash[1].toLowerCase());
    if (found) return all[found];
  }
  const place = rt.exportsOf[name];
  if (place) {
    const all = library(place[0]);
    return (loaded[name] = place[1] ? all[place[1]] : all);
  }
  missing.add(name);
  return (loaded[name] = stub(name, name));
}

const made = rt.create(null);

function library(file) {
  if (made[file]) return made[file].exports;
  const module = (made[file] = { exports: {} });
  const load = (0, eval)(`(function(module, exports, require) {${rt.libraries[file]}\n})`);
  load.call(module.exports, module, module.exports, external);
  const { exports } = module;
  // A library without a default is its own default, as bundlers have it.
  if (exports.__esModule && exports.default === undefined && Object.isExtensible(exports)) exports.default = exports;
  return exports;
}

// A module that is not there. Importing it, and naming its members, is no failure: many files import what only other
// components of the same app use. Using it is, except while a component is only described.
function stub(name, member) {
  const lenient = () => rt.job?.target === "describe";
  const use = () => {
    if (!lenient()) throw new ModuleNotAvailableError(name, member === name ? "" : member);
    return stub(name, `${member}()`);
  };
  const target = function () {};
  const made = new Proxy(target, {
    get(_, key) {
      if (key === "__esModule") return true;
      if (key === "prototype") return target.prototype;
      if (key === Symbol.toPrimitive) return () => (lenient() ? "" : use());
      if (typeof key === "symbol") return undefined;
      if (key === "then") return undefined;
      return key === "default" ? stub(name, member) : stub(name, `${member}.${key}`);
    },
    has: () => true,
    apply: use,
    construct: use,
    set: () => true,
  });
  stubs.set(made, name);
  return made;
}

// Which missing module a value came from, if it did.
const stubs = new WeakMap();
rt.missingFrom = (value) => stubs.get(value);

function requireFrom(file) {
  const require = (specifier) => {
    const name = rt.text(specifier);
    if (!isRelative(name)) return external(name);
    const path = resolveFile(file, name);
    if (path === null) throw new ReferenceError(`Cannot find module '${name}' from '${file}'`);
    return loadFile(path);
  };
  require.import = async (specifier) => {
    const exported = require(specifier);
    return exported?.__esModule ? exported : { ...exported, default: exported };
  };
  require.resolve = rt.text;
  require.cache = {};
  return require;
}

const files = rt.create(null);

function loadFile(path) {
  if (files[path]) return files[path].exports;
  const module = (files[path] = { exports: {}, id: path, filename: path, loaded: false });
  bundle.factories[path].call(module.exports, module, module.exports, requireFrom(path), path, path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ".");
  module.loaded = true;
  return module.exports;
}

// Evaluates the whole bundle as one text, one function per file; afterwards lines can be told apart.
function evaluate(entry, sources) {
  const parts = ["\n".repeat(rt.FIRST_LINE), "({"];
  let line = rt.FIRST_LINE + 1;
  for (const path of Object.keys(sources)) {
    const code = sources[path];
    const lines = code.split("\n").length;
    parts.push(`${rt.stringify(path)}: function(module, exports, require, __filename, __dirname) {\n`, code, "\n},\n");
    rt.places.push([line + 1, line + lines, path]);
    line += lines + 2;
  }
  parts.push("})");
  bundle = { files: sources, factories: (0, eval)(parts.join("")) };
  return loadFile(entry);
}

// What the entry file exports: its default, whichever form it has.
function defaultOf(exported) {
  if (exported && (typeof exported === "object" || typeof exported === "function") && exported.__esModule) {
    if (exported.default !== undefined) return exported.default;
    if (typeof exported.run === "function" || exported.props) return exported;
    return undefined;
  }
  return exported;
}

rt.assign(rt, { missing, evaluate, defaultOf, external, library, candidates, isRelative, ModuleNotAvailableError });
