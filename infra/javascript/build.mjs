// Bundles each library into one CommonJS file. Started by infra/vendor_js.py, after npm has installed the lock file.
// What Node has built in stays a call of require: the sandbox answers it with modules of its own.
import { build } from "esbuild";
import { mkdirSync, writeFileSync } from "node:fs";

const [modules, into] = process.argv.slice(2);

const BUILT_IN = [
  "assert", "buffer", "child_process", "crypto", "dns", "events", "fs", "fs/promises", "http", "https", "net", "os", "path",
  "process", "punycode", "querystring", "stream", "stream/promises", "string_decoder", "timers", "tls", "tty", "url", "util", "zlib",
];
const external = BUILT_IN.flatMap((name) => [name, `node:${name}`]);
const DAYJS_PLUGINS = [
  "advancedFormat", "arraySupport", "badMutable", "buddhistEra", "calendar", "customParseFormat", "dayOfYear", "duration",
  "isBetween", "isLeapYear", "isMoment", "isSameOrAfter", "isSameOrBefore", "isToday", "isTomorrow", "isYesterday", "isoWeek",
  "isoWeeksInYear", "localeData", "localizedFormat", "minMax", "objectSupport", "pluralGetSet", "quarterOfYear", "relativeTime",
  "timezone", "toArray", "toObject", "updateLocale", "utc", "weekOfYear", "weekYear", "weekday",
];
const requireAll = (names, path) =>
  `module.exports = {${names.map((name) => `${JSON.stringify(name)}: require(${JSON.stringify(path(name))})`).join(",")}}`;
const whole = (name) => `module.exports = require(${JSON.stringify(name)})`;
// Pieces that are for Node alone, where the bundle for browsers lacks what components ask for.
const node = { mainFields: ["module", "main"], conditions: ["node", "import"] };

// file: [source, esbuild options]. The file's name is the library's, "." for "/".
const FILES = {
  "async-retry": [whole("async-retry")],
  axios: [`module.exports = require("axios/dist/browser/axios.cjs")`],
  bottleneck: [`module.exports = require("bottleneck/light.js")`],
  buffer: [whole("./node_modules/buffer/index.js")],
  "cron-parser": [whole("cron-parser"), { external: [...external, "luxon"] }],
  "crypto-js": [whole("crypto-js")],
  dayjs: [whole("dayjs")],
  "dayjs.plugin": [requireAll(DAYJS_PLUGINS, (name) => `dayjs/plugin/${name}.js`)],
  events: [whole("./node_modules/events/events.js")],
  "fast-xml-parser": [whole("fast-xml-parser")],
  feedparser: [whole("feedparser"), node],
  "graphql-request": [
    `export * from "graphql-request";
     export { default } from "graphql-request";`,
  ],
  hashes: [
    `export { md5, sha1, ripemd160 } from "@noble/hashes/legacy";
     export { sha224, sha256, sha384, sha512, sha512_256 } from "@noble/hashes/sha2";
     export { sha3_256, sha3_512 } from "@noble/hashes/sha3";
     export { hmac } from "@noble/hashes/hmac";
     export { pbkdf2 } from "@noble/hashes/pbkdf2";`,
    { external: [] },
  ],
  he: [whole("he")],
  "html-entities": [whole("html-entities")],
  "html-entities-decoder": [whole("html-entities-decoder")],
  inflection: [whole("inflection")],
  lodash: [whole("lodash")],
  luxon: [whole("luxon")],
  md5: [whole("md5")],
  mime: [whole("mime")],
  moment: [whole("moment")],
  "moment-timezone": [
    `module.exports = require("moment-timezone/builds/moment-timezone-with-data-10-year-range.js")`,
    { external: [...external, "moment"] },
  ],
  nanoid: [`export { nanoid, customAlphabet, customRandom, urlAlphabet, random } from "nanoid"`],
  "object-hash": [whole("object-hash"), node],
  octokit: [
    `const core = require("@octokit/core"), paginate = require("@octokit/plugin-paginate-rest");
     module.exports = { core, paginate, octokit: { Octokit: core.Octokit.plugin(paginate.paginateRest) } };`,
  ],
  path: [whole("path-browserify")],
  qs: [whole("qs")],
  "query-string": [whole("query-string")],
  querystring: [whole("./node_modules/querystring/index.js")],
  "readable-stream": [`module.exports = require("readable-stream/lib/ours/browser.js")`],
  "rss-parser": [`module.exports = require("rss-parser/lib/parser.js")`, { external: [...external, "xml2js"] }],
  string_decoder: [whole("./node_modules/string_decoder/lib/string_decoder.js")],
  sucrase: [
    `export { transform } from "sucrase";
     import { parse } from "sucrase/dist/esm/parser";
     import { TokenType as tt } from "sucrase/dist/esm/parser/tokenizer/types";
     // Whether the text has an import or export statement, and where it calls import(): what follows "import" tells.
     export function survey(code, isTypeScript) {
       const { tokens } = parse(code, false, isTypeScript, false);
       const isTop = (token) => token.scopeDepth === 0;
       const next = (at) => tokens[at + 1].type;
       return {
         isModule: tokens.some((token, at) => isTop(token) &&
           (token.type === tt._export || (token.type === tt._import && next(at) !== tt.parenL && next(at) !== tt.dot))),
         // Strings after "from" and "import", and in the brackets of import() and require().
         specifiers: tokens.filter((token, at) => {
           if (token.type !== tt.string || at === 0) return false;
           const before = tokens[at - 1], word = at > 1 ? tokens[at - 2] : null;
           if (before.type === tt._import || (before.type === tt.name && code.slice(before.start, before.end) === "from")) return true;
           return before.type === tt.parenL && word !== null &&
             (word.type === tt._import || (word.type === tt.name && code.slice(word.start, word.end) === "require"));
         }).map(({ start, end }) => code.slice(start + 1, end - 1)),
         dynamicImports: tokens.filter((token, at) => token.type === tt._import && next(at) === tt.parenL).map(({ start, end }) => [start, end]),
       };
     }`,
  ],
  uuid: [whole("uuid")],
  xml2js: [whole("xml2js")],
};

mkdirSync(into, { recursive: true });
for (const [name, [contents, options = {}]] of Object.entries(FILES)) {
  const result = await build({
    stdin: { contents, resolveDir: modules, loader: "js" },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    legalComments: "none",
    charset: "utf8",
    format: "cjs",
    platform: "browser",
    target: "es2022",
    define: { "process.env.NODE_ENV": '"production"', "process.env.NODE_DEBUG": '""' },
    external,
    logLevel: "error",
    absWorkingDir: modules,
    ...options,
  });
  writeFileSync(`${into}/${name}.js`, result.outputFiles[0].contents);
  writeFileSync(`${into}/${name}.inputs`, JSON.stringify(Object.keys(result.metafile.inputs)));
}
