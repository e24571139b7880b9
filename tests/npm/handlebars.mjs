// Renders the templates of a corpus with the real library: reads the cases as a JSON array, writes them again with what
// came out, `expected` or, where it threw, `error: true`. Filling a corpus anew: node handlebars.mjs < old > new
import Handlebars from "handlebars";

let input = "";
process.stdin.setEncoding("utf8");
for await (const chunk of process.stdin) input += chunk;

function rendered({ template, context, escape = "none", strict = false }) {
  const own = Handlebars.create();
  own.log = () => {};
  // The escape function is taken from here when a template is compiled.
  Handlebars.Utils.escapeExpression = (value) => (value == null ? "" : encodeURIComponent(String(value)));
  return own.compile(template, { noEscape: escape === "none", strict })(context);
}

const cases = JSON.parse(input).map((given) => {
  const { expected, error, ...asked } = given;
  try {
    return { ...asked, expected: rendered(asked) };
  } catch {
    return { ...asked, error: true };
  }
});
process.stdout.write(JSON.stringify(cases, null, 1) + "\n");
