// Components: what they say of themselves, and `this` for their functions. Functions keep a dynamic `this`; what the
// runtime adds beside the component's own members is not enumerable, because components spread and copy `this`.

const isObject = (value) => typeof value === "object" && value !== null;
const isFunction = (value) => typeof value === "function";
const HTTP = "$.interface.http", DB = "$.service.db", TIMER = "$.interface.timer";
const HOOKS = ["deploy", "activate", "deactivate"];
const DEDUPE = ["unique", "greatest", "last"];

class ComponentError extends Error {
  constructor(message) {
    super(message);
    this.name = "ComponentError";
  }
}

const isApp = (definition) => isObject(definition) && definition.type === "app";

// The definition with what it inherits through `propDefinition`; its own members win and inherited ones come first.
function merged(definition, depth = 0) {
  if (!isObject(definition) || !Array.isArray(definition.propDefinition)) return definition;
  if (depth > 10) throw new ComponentError("propDefinition refers to itself");
  const [app, name] = definition.propDefinition;
  const inherited = app?.propDefinitions?.[name];
  if (!isObject(inherited)) return definition;
  const { propDefinition: _, ...own } = definition;
  return { ...merged(inherited, depth + 1), ...own };
}

function describedProp(name, given) {
  if (typeof given === "string") return { name, type: given };
  const from = rt.missingFrom(given);
  if (from !== undefined) {
    // Apps are often packages of their own; the name says which app it is.
    const app = /^@pipedream\/(\w+)$/.exec(from);
    return app ? { name, type: "app", app: app[1] } : { name, type: "any" };
  }
  if (!isObject(given)) throw new ComponentError(`props.${name} is not a definition`);
  if (isApp(given)) return { name, type: "app", app: given.app === undefined ? undefined : rt.text(given.app) };
  const found = { name };
  const definition = merged(given);
  if (isApp(definition)) return { name, type: "app", app: definition.app };
  for (const key of Object.keys(definition)) {
    if (key === "propDefinition" || key === "name" || key === "methods" || key === "propDefinitions") continue;
    const value = definition[key];
    if (key === "options" && isFunction(value)) found.remoteOptions = true;
    else if (!isFunction(value) && value !== undefined) found[key] = value;
  }
  return found;
}

const describedProps = (props) =>
  isObject(props) ? Object.keys(props).filter((name) => props[name] != null).map((name) => describedProp(name, props[name])) : [];

function describe(exported) {
  if (isFunction(exported)) return { kind: "function" };
  if (!isObject(exported)) throw new ComponentError("the code exports no component: an object or a function was expected");
  const { props, hooks, dedupe } = exported;
  if (dedupe !== undefined && dedupe !== null && !DEDUPE.includes(dedupe)) {
    throw new ComponentError(`dedupe is to be one of ${DEDUPE.join(", ")}, not ${rt.stringify(dedupe)}`);
  }
  const has = HOOKS.filter((name) => isFunction(hooks?.[name]));
  for (const name of ["run", "additionalProps"]) if (isFunction(exported[name])) has.push(name);
  if (isObject(exported.methods)) has.push("methods");
  const shown = (name) => (exported[name] === undefined || exported[name] === null ? null : rt.text(exported[name]));
  return {
    kind: "component", name: shown("name"), key: shown("key"), version: shown("version"), description: shown("description"),
    type: shown("type") ?? "source", dedupe: dedupe ?? null, configurable_props: describedProps(props), has,
  };
}

// -- this -------------------------------------------------------------------------------------------------------------

const hidden = (object, name, value) => rt.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });

function database() {
  const kept = rt.create(null);
  for (const [key, value] of rt.entries(rt.job.db)) kept[key] = rt.stringify(value);
  return () => ({
    get(key) {
      const found = kept[rt.text(key)];
      return found === undefined ? undefined : rt.parse(found);
    },
    set(key, value) {
      const name = rt.text(key);
      const written = value === null ? undefined : rt.json(value, `the value of ${name}`, rt.job.limits.db_value_bytes);
      if (written === undefined) delete kept[name];
      else kept[name] = written;
      rt.post("db", rt.quoted(name), written ?? "null");
    },
  });
}

let emitted = 0;

function emit(event, meta) {
  if (emitted >= rt.job.limits.emits) throw new rt.LimitError("EmitLimitExceeded", `a run may emit ${rt.job.limits.emits} events`);
  const written = rt.json(event, "the event", rt.job.limits.event_bytes) ?? "null";
  const about = isObject(meta) ? { ...meta } : {};
  if (about.ts instanceof Date) about.ts = about.ts.getTime();
  rt.post("emit", written, rt.json(about, "the event's metadata", 65536));
  emitted += 1;
  return Promise.resolve();
}

let responded = false;

function respond(answer) {
  if (responded) return;
  const { status, statusCode, headers, body } = isObject(answer) ? answer : { body: answer };
  const shown = rt.create(null);
  for (const [name, value] of rt.entries(isObject(headers) ? headers : {})) {
    if (value !== undefined && value !== null) shown[name] = Array.isArray(value) ? value.join(", ") : rt.text(value);
  }
  const code = Number(status ?? statusCode ?? 200);
  if (!(code >= 100 && code <= 599)) throw new RangeError(`${rt.text(status ?? statusCode)} is not a status`);
  const written = { status: code, headers: shown, ...rt.bodyOf(body) };
  rt.post("respond", rt.json(written, "the response", rt.job.limits.output_bytes));
  responded = true;
}

function appInstance(definition, name) {
  const app = { ...definition };
  for (const [key, method] of rt.entries(definition.methods ?? {})) {
    app[key] = isFunction(method) ? bound(method, app) : method;
  }
  hidden(app, "$auth", { ...rt.job.accounts[name] });
  hidden(app, "$emit", emit);
  return app;
}

// A method that may be taken off its object, and still obeys call and apply with another `this`.
function bound(method, self) {
  const callable = function (...list) {
    return rt.apply(method, this === undefined || this === globalThis ? self : this, list);
  };
  rt.defineProperty(callable, "name", { value: method.name, configurable: true });
  return callable;
}

function valueOf(name, given, db) {
  const definition = typeof given === "string" ? { type: given } : merged(given);
  const value = rt.job.props[name];
  switch (definition.type) {
    case "app": return appInstance(definition, name);
    case DB: return db();
    case HTTP: return { endpoint: rt.job.endpoints[name], respond };
    case TIMER: return isObject(value) ? { type: TIMER, ...value } : { type: TIMER };
    case "http_request": return isObject(value) ? { ...value, execute: () => rt.platform.axios(null, value) } : value;
    default: return value === undefined ? definition.default : value;
  }
}

function instance(component) {
  const self = {};
  const db = database();
  const props = isObject(component.props) ? component.props : {};
  for (const name of Object.keys(props)) {
    if (props[name] != null) self[name] = valueOf(name, props[name], db);
  }
  // What additional props brought has no definition in the code.
  for (const name of Object.keys(rt.job.props)) if (!(name in props)) self[name] = rt.job.props[name];
  for (const [name, method] of rt.entries(component.methods ?? {})) {
    hidden(self, name, isFunction(method) ? bound(method, self) : method);
  }
  hidden(self, "$emit", emit);
  hidden(self, "$respond", respond);
  return self;
}

// -- what can be called -----------------------------------------------------------------------------------------------

class Exit extends Error {
  constructor(reason) {
    super(reason);
    this.name = "Exit";
  }
}

const noFlow = (what) => () => {
  throw new rt.ComponentError(`$.flow.${what} is not available here; a wait node of the workflow does this`);
};

// The `$` of a code step and an action.
function stepContext(self) {
  const exported = (name, value) => rt.post("export", rt.quoted(name), rt.json(value, `the export ${name}`, rt.job.limits.event_bytes) ?? "null");
  return {
    export: exported,
    respond: (answer) => (respond(answer), Promise.resolve()),
    send: {
      // The event is the whole argument, with the `raw_event` that it usually consists of.
      emit: (event, meta) => emit(event, typeof meta === "string" ? { name: meta } : meta ?? {}),
      http: (config) => rt.platform.axios(null, config),
    },
    flow: {
      exit: (reason) => {
        throw new Exit(reason === undefined ? "" : rt.text(reason));
      },
      delay: noFlow("delay"), suspend: noFlow("suspend"), rerun: noFlow("rerun"),
    },
    context: { ...rt.job.run },
    ...(self ? { interface: {}, service: {} } : {}),
  };
}

function runStep(exported) {
  const { event, steps, run } = rt.job;
  if (!isFunction(exported)) return runComponent(exported);
  return exported({ input: event, event, nodes: steps, steps, run, $: stepContext(null) });
}

function runComponent(component) {
  if (!isFunction(component.run)) {
    if (component.type !== "action") emit(rt.job.event, {});
    return undefined;
  }
  const self = instance(component);
  if (component.type === "action" || rt.job.step) {
    return component.run.call(self, { steps: rt.job.steps, $: stepContext(self), event: rt.job.event, run: rt.job.run });
  }
  return component.run.call(self, rt.job.event);
}

function runHook(component, name) {
  const hook = component.hooks?.[name];
  return isFunction(hook) ? hook.call(instance(component)) : undefined;
}

// The chain of definitions of a prop, the component's own first, each with the app and inputs that lead to the next.
function optionsOf(component, name) {
  const self = instance(component);
  let definition = component.props?.[name], owner = self, inputs = {};
  for (let depth = 0; isObject(definition) && depth < 10; depth += 1) {
    if (definition.options !== undefined) return { options: definition.options, owner, inputs };
    if (!Array.isArray(definition.propDefinition)) break;
    const [app, inherited, given] = definition.propDefinition;
    if (isFunction(given)) inputs = given.call(self, self) ?? {};
    else if (isObject(given)) inputs = given;
    const key = Object.keys(component.props).find((one) => component.props[one] === app);
    owner = key ? self[key] : appInstance(app, app.app);
    definition = app.propDefinitions?.[inherited];
  }
  return { options: undefined, owner, inputs };
}

async function runOptions(component, name) {
  if (!isObject(component.props) || component.props[name] === undefined) throw new ComponentError(`there is no prop ${name}`);
  const { options, owner, inputs } = optionsOf(component, name);
  if (options === undefined) throw new ComponentError(`the prop ${name} has no options`);
  if (!isFunction(options)) return { options };
  const query = isObject(rt.job.event) ? rt.job.event : {};
  const found = await options.call(owner, { page: 0, prevContext: {}, query: "", ...inputs, ...query });
  return Array.isArray(found) ? { options: found } : { options: found?.options ?? [], context: found?.context };
}

async function runAdditionalProps(component) {
  if (!isFunction(component.additionalProps)) return [];
  return describedProps(await component.additionalProps.call(instance(component), {}));
}

function invoke(exported, target) {
  if (target === "run") return runStep(exported);
  if (!isObject(exported)) throw new ComponentError("the code exports no component");
  if (target.startsWith("hooks.")) return runHook(exported, target.slice(6));
  if (target === "additionalProps") return runAdditionalProps(exported);
  return runOptions(exported, target.slice("props.".length, -".options".length));
}

rt.assign(rt, { describe, invoke, Exit, ComponentError });
