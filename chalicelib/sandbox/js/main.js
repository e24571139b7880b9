// The one function that the host calls: an operation and its text in, text out.

function begin(job) {
  rt.job = job;
  rt.seed(job.entropy);
  if (job.target === "files") return rt.missingFiles(job.files);
  let sources = job.files;
  if (!job.compiled) {
    sources = rt.compileAll(job.files);
    if (job.target === "describe") rt.post("compiled", rt.stringify(sources));
  }
  const exported = rt.defaultOf(rt.evaluate(job.entry, sources));
  if (job.target === "describe") return rt.describe(exported);
  if (exported === undefined || exported === null) throw new rt.ComponentError("the code exports nothing");
  return rt.invoke(exported, job.target);
}

rt.finish = (root) => {
  const { state, value } = root;
  const end = (how, given = "null") => rt.post("end", rt.stringify({ ...how, dropped: rt.droppedLogs() }), rt.stringify([...rt.missing]), given);
  if (state === "failed" && rt.isInstance(value, rt.Exit)) return end({ exited: value.message });
  if (state === "failed") {
    const failure = rt.failureOf(value);
    if (rt.isInstance(value, rt.CompileError)) rt.assign(failure, { file: value.file, line: value.line });
    return end({ error: failure });
  }
  let returned;
  try {
    returned = rt.json(value, "the returned value", rt.job.limits.output_bytes) ?? "null";
  } catch (error) {
    // Sources return all sorts of things that nobody reads; only a step's value is an outcome.
    if (rt.job.step) return end({ error: rt.failureOf(error) });
    returned = "null";
  }
  return end({}, returned);
};

// Not enumerable, as globals are.
function install() {
  for (const name of Object.keys(rt.globals)) {
    rt.defineProperty(globalThis, name, { value: rt.globals[name], writable: true, configurable: true, enumerable: false });
  }
}

const operations = {
  library(given) {
    const first = given.indexOf("\n"), second = given.indexOf("\n", first + 1);
    const file = given.slice(0, first);
    rt.libraries[file] = given.slice(second + 1);
    for (const [specifier, member] of rt.entries(rt.parse(given.slice(first + 1, second)))) rt.exportsOf[specifier] = [file, member];
    return "";
  },
  preload(given) {
    for (const name of rt.parse(given)) {
      rt.preload(name);
      install();
    }
    return "";
  },
  start(given) {
    const job = rt.parse(given);
    rt.follow(new Promise((resolve) => resolve(begin(job))));
    return "";
  },
  deliver(line) {
    rt.deliver(line);
    return "";
  },
  turn: () => rt.turn(),
  drain: () => rt.drained("end"),
};

rt.globals.performance = performance;
install();

// Nothing that is thrown leaves as an exception, for the host would have to look at it.
return (operation, given) => {
  try {
    return operations[operation](given);
  } catch (error) {
    try {
      return rt.call(rt.join, ["fail\n", rt.messageOf(error)], "");
    } catch {
      return "fail\nan error that cannot be shown";
    }
  }
};
