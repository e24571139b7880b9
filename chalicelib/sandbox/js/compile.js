// ES modules and TypeScript to CommonJS, line by line, so that places stay where they were.

class CompileError extends SyntaxError {
  constructor(message, file, line) {
    super(message);
    this.name = "SyntaxError";
    this.file = file;
    this.line = line;
  }
}

const isTyped = (path) => /\.[mc]?tsx?$/.test(path);

const plainText = (source) => source.replace(/^\uFEFF/, "").replace(/^#!.*/, "");

function compileFile(path, source) {
  const code = plainText(source);
  if (path.endsWith(".json")) return compiledJson(path, code);
  const typed = isTyped(path);
  const found = surveyed(path, code);
  let text = code;
  if (/\.m[jt]s$/.test(path) || typed || (!path.endsWith(".cjs") && found.isModule)) {
    const transforms = typed ? ["typescript", "imports"] : ["imports"];
    try {
      text = rt.library("sucrase").transform(code, { transforms, disableESTransforms: true, filePath: path, production: true }).code;
    } catch (error) {
      throw located(error, path);
    }
  } else {
    // The engine would look for a file.
    for (const [start, end] of found.dynamicImports.toReversed()) text = `${text.slice(0, start)}require.import${text.slice(end)}`;
  }
  checkSyntax(path, text);
  return text;
}

function compiledJson(path, code) {
  try {
    return `module.exports = JSON.parse(${rt.stringify(rt.stringify(rt.parse(code)))});`;
  } catch (error) {
    throw new CompileError(`not valid JSON: ${rt.messageOf(error)}`, path, 1);
  }
}

// Compiles without running: a file must stand by itself, or it could end the function that it is put into.
function checkSyntax(path, code) {
  try {
    new rt.Function("module", "exports", "require", "__filename", "__dirname", `${code}\n`);
  } catch (error) {
    // Only what the parser itself found stands first and without a name.
    const line = /^ {4}at <input>:(\d+)/.exec(rt.text(error.stack));
    // The constructor puts the parameters on two lines of their own.
    throw new CompileError(rt.messageOf(error), path, line ? Math.max(1, +line[1] - 2) : undefined);
  }
}

function surveyed(path, code) {
  try {
    return rt.library("sucrase").survey(code, isTyped(path));
  } catch (error) {
    throw located(error, path);
  }
}

function located(error, path) {
  const found = /\((\d+):\d+\)/.exec(rt.messageOf(error));
  if (!error.loc && !found) return error;
  const message = rt.messageOf(error).replace(/^Error transforming [^:]*: /, "").replace(/ \(\d+:\d+\)$/, "");
  return new CompileError(message, path, error.loc?.line ?? +found[1]);
}

// The relative imports that no file of the bundle answers: [importer, specifier, [paths that would]].
function missingFiles(sources) {
  const found = [];
  for (const path of Object.keys(sources)) {
    if (path.endsWith(".json")) continue;
    for (const specifier of new Set(surveyed(path, plainText(sources[path])).specifiers)) {
      if (!rt.isRelative(specifier)) continue;
      const candidates = rt.candidates(path, specifier, isTyped(path));
      if (!candidates.some((one) => Object.hasOwn(sources, one))) found.push([path, specifier, candidates]);
    }
  }
  return found;
}

function compileAll(sources) {
  const done = rt.create(null);
  for (const path of Object.keys(sources)) done[path] = compileFile(path, sources[path]);
  return done;
}

rt.Function = Function;
rt.assign(rt, { compileAll, missingFiles, CompileError });
