// Formats and reads dates with the real library: takes the cases of a corpus as a JSON array, writes them again with
// what came out as `expected`, null where a text was not understood. Filling a corpus anew: node moments.mjs < old > new
import moment from "moment-timezone";

moment.suppressDeprecationWarnings = true;
let input = "";
process.stdin.setEncoding("utf8");
for await (const chunk of process.stdin) input += chunk;

function result({ at, text, tokens, zone }) {
  if (at !== undefined) return moment.tz(at, zone).format(tokens);
  const found = tokens ? moment.tz(text, tokens, zone) : moment.tz(text, zone);
  return found.isValid() ? found.toISOString() : null;
}

const cases = JSON.parse(input).map((given) => ({ ...given, expected: result(given) }));
process.stdout.write(JSON.stringify(cases, null, 1) + "\n");
