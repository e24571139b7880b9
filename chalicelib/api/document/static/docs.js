"use strict";
// Shows the API's document. Whatever it says is put into the page as text; nothing of it becomes markup.

const VERBS = ["get", "post", "put", "patch", "delete", "head", "options"];
const state = { document: null, entries: [], schemas: [] };

/** An element with attributes and children; a child that is a text stays one. */
function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** Text with its `code` and **strong** parts, in paragraphs. */
function prose(text) {
  return (text || "").split("\n\n").filter(Boolean).map((part) => {
    const pieces = part.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((piece) => {
      if (piece.startsWith("`") && piece.length > 2) return make("code", null, piece.slice(1, -1));
      if (piece.startsWith("**") && piece.length > 4) return make("strong", null, piece.slice(2, -2));
      return piece;
    });
    return make("p", null, ...pieces);
  });
}

function resolve(value) {
  let found = value;
  while (found && found.$ref) {
    found = found.$ref.slice(2).split("/").reduce((inner, part) => inner[part], state.document);
  }
  return found;
}

const nameOf = (schema) => schema.$ref.split("/").pop();
const anchorOf = (name) => `schema-${name}`;

/** What a schema allows, in a few words and links. */
function typeOf(schema) {
  if (schema === true || !schema || Object.keys(schema).length === 0) return ["anything"];
  if (schema.$ref) return [make("a", { href: `#${anchorOf(nameOf(schema))}` }, nameOf(schema))];
  const several = schema.anyOf || schema.oneOf;
  if (several) return several.flatMap((each, n) => (n ? [" or ", ...typeOf(each)] : typeOf(each)));
  if (schema.enum) return schema.enum.flatMap((each, n) => [n ? " | " : "", make("code", null, JSON.stringify(each))]);
  if ("const" in schema) return [make("code", null, JSON.stringify(schema.const))];
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items || {})];
  if (schema.type === "object" && schema.additionalProperties && !schema.properties) {
    return schema.additionalProperties === true ? ["object"] : ["object of ", ...typeOf(schema.additionalProperties)];
  }
  return [String(schema.type || "anything")];
}

function range(least, most, unit = "") {
  const of = unit && ` ${unit}`;
  if (least === undefined) return most === undefined ? "" : `at most ${most}${of}`;
  if (most === undefined) return unit && least === 1 ? "not empty" : `at least ${least}${of}`;
  return least === most ? `${least}${of}` : `${least} to ${most}${of}`;
}

function boundsOf(schema) {
  const words = [
    range(schema.minimum, schema.maximum), range(schema.minLength, schema.maxLength, "characters"), range(schema.minItems, schema.maxItems, "items"),
    schema.pattern === undefined ? "" : `pattern ${schema.pattern}`, schema.default === undefined ? "" : `default ${JSON.stringify(schema.default)}`,
  ];
  return words.filter(Boolean).join(", ");
}

function row(name, required, schema, description, example) {
  const such = example === undefined ? "" : `such as ${JSON.stringify(example)}`;
  const bounds = [...[schema, ...(schema.anyOf || [])].map(boundsOf), such].filter(Boolean).join(", ");
  const inner = (schema.anyOf || []).map((each) => each.description).find(Boolean);
  return make("tr", null,
    make("td", null, make("code", null, name), required ? " *" : ""),
    make("td", null, ...typeOf(schema)),
    make("td", null, ...prose(description || schema.description || inner), make("span", { class: "quiet" }, bounds)));
}

function table(caption, rows) {
  const head = make("tr", null, ...["name", "type", caption].map((text) => make("th", { scope: "col" }, text)));
  return make("table", { tabindex: "0" }, make("thead", null, head), make("tbody", null, ...rows));
}

/** A schema's members as a table, those of objects inside it too; others in words. */
function shape(schema) {
  if (schema.$ref) return [make("p", null, ...typeOf(schema)), ...shape(resolve(schema))];
  const several = schema.anyOf || schema.oneOf;
  if (several) return several.flatMap((each, n) => [...(n ? [make("p", { class: "quiet" }, "or")] : []), ...shape(each)]);
  if (!schema.properties) return [make("p", null, ...typeOf(schema))];
  const required = new Set(schema.required || []);
  const rows = Object.entries(schema.properties).flatMap(([name, member]) => {
    const own = row(name, required.has(name), member);
    const inner = member.properties ? Object.entries(member.properties) : [];
    const needed = new Set(member.required || []);
    return [own, ...inner.map(([key, value]) => row(`${name}.${key}`, needed.has(key), value))];
  });
  return [table("what it is (* required)", rows)];
}

function sample(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return make("pre", { tabindex: "0" }, text);
}

function samplesOf(media) {
  const all = Object.values(media.examples || {}).map((each) => each.value);
  if (media.example !== undefined) all.unshift(media.example);
  return all;
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(entry) {
  const { path, verb, operation } = entry;
  let target = path;
  const query = [];
  const headers = [];
  for (const each of (operation.parameters || []).map(resolve)) {
    const value = each.example === undefined ? `{${each.name}}` : String(each.example);
    if (each.in === "path") target = target.replace(`{${each.name}}`, each.example === undefined ? value : encodeURIComponent(value));
    if (each.in === "header" && each.example !== undefined) headers.push("-H", quote(`${each.name}: ${value}`));
    if (each.in === "query" && (each.required || each.example !== undefined)) query.push(`${each.name}=${encodeURIComponent(value)}`);
  }
  const url = state.document.servers[0].url + target + (query.length ? `?${query.join("&")}` : "");
  const words = ["curl", ...(verb === "get" ? [] : ["-X", verb.toUpperCase()]), quote(url)];
  const [scheme] = Object.keys((operation.security || [])[0] || {});
  if (scheme === "bearer" || scheme === "apiKey") words.push("-H", '"Authorization: Bearer $KEY"');
  if (scheme === "hookToken") words.push("-H", '"Authorization: Bearer $TOKEN"');
  words.push(...headers);
  const content = operation.requestBody && operation.requestBody.content["application/json"];
  const body = content ? samplesOf(content)[0] : undefined;
  if (body !== undefined) words.push("-H", "'Content-Type: application/json'", "-d", quote(JSON.stringify(body)));
  return words.join(" ");
}

function copyable(text) {
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  });
  return make("div", null, sample(text), navigator.clipboard ? button : "");
}

function bodyParts(content) {
  return Object.entries(content).flatMap(([type, media]) => [
    make("p", { class: "quiet" }, type), ...shape(media.schema || {}), ...samplesOf(media).map(sample),
  ]);
}

function replyPart([status, reference]) {
  const reply = resolve(reference);
  const headers = Object.keys(reply.headers || {}).filter((name) => !name.startsWith("X-"));
  const part = make("details", { class: "item" },
    make("summary", null, make("strong", null, status), make("span", null, reply.description)));
  if (headers.length) part.append(make("p", null, `Headers: ${headers.join(", ")}`));
  part.append(...bodyParts(reply.content || {}));
  return part;
}

/** Each way to prove who calls, of which one is enough. */
function needs(ways) {
  if (!ways.length) return prose("None: it is open to everybody.");
  const told = ways.map((way) => Object.keys(way).map((name) => state.document.components.securitySchemes[name].description).join(" "));
  return told.flatMap((text) => prose(text || "Some calls need nothing."));
}

function operationParts(entry) {
  const { operation } = entry;
  const parameters = (operation.parameters || []).map(resolve);
  const parts = [...prose(operation.description)];
  parts.push(make("p", { class: "quiet" }, "Operation id: ", make("a", { href: `#${entry.id}` }, operation.operationId)));
  parts.push(make("h3", null, "Authorization"), ...needs(operation.security || []));
  if (parameters.length) {
    parts.push(make("h3", null, "Parameters"));
    parts.push(table("what it is (* required)", parameters.map((each) =>
      row(`${each.name} (${each.in})`, each.required, each.schema || {}, each.description, each.example))));
  }
  if (operation.requestBody) {
    const needed = operation.requestBody.required ? "Body (required)" : "Body";
    parts.push(make("h3", null, needed), ...prose(operation.requestBody.description), ...bodyParts(operation.requestBody.content));
  }
  parts.push(make("h3", null, "Replies"), ...Object.entries(operation.responses).map(replyPart));
  parts.push(make("h3", null, "With curl"), copyable(curl(entry)));
  return parts;
}

/** A folded part that is filled when it is opened first. */
function folded(id, summary, fill, attributes) {
  const item = make("details", { class: "item", id, ...attributes }, summary);
  item.addEventListener("toggle", () => {
    if (item.open && item.dataset.filled === undefined) {
      item.dataset.filled = "yes";
      item.append(make("div", null, ...fill()));
    }
  });
  return item;
}

function operationItem(entry) {
  const { path, verb, operation } = entry;
  const summary = make("summary", null,
    make("span", { class: `verb ${verb}` }, verb.toUpperCase()), make("span", { class: "path" }, path),
    make("span", { class: "quiet" }, operation.summary),
    operation.deprecated ? make("span", { class: "mark" }, "deprecated") : "");
  const attributes = operation.deprecated ? { class: "item deprecated" } : {};
  return folded(entry.id, summary, () => operationParts(entry), attributes);
}

function show(found) {
  state.document = found;
  document.getElementById("title").textContent = found.info.title;
  document.getElementById("about").append(...prose(found.info.description));
  const operations = document.getElementById("operations");
  const contents = document.getElementById("contents");
  for (const tag of found.tags) {
    const entries = [];
    for (const [path, verbs] of Object.entries(found.paths)) {
      for (const verb of VERBS.filter((each) => verbs[each] && verbs[each].tags[0] === tag.name)) {
        const operation = verbs[verb];
        const words = [path, verb, operation.summary, operation.operationId, tag.name, ...(operation["x-operation-ids"] || [])];
        entries.push({ path, verb, operation, id: operation.operationId, words: words.join(" ").toLowerCase() });
      }
    }
    if (!entries.length) continue;
    const section = make("section", null, make("h2", { id: `tag-${entries[0].id}` }, tag.name), ...prose(tag.description));
    const list = make("ul", null);
    const fold = make("details", null, make("summary", null, tag.name), list);
    for (const entry of entries) {
      entry.item = operationItem(entry);
      entry.link = make("li", null, make("a", { href: `#${entry.id}` },
        make("span", { class: `verb ${entry.verb}` }, `${entry.verb.toUpperCase()} `), entry.operation.summary));
      section.append(entry.item);
      list.append(entry.link);
    }
    operations.append(section);
    contents.append(fold);
    state.entries.push({ section, fold, entries });
  }
  showSchemas(found.components.schemas);
}

function showSchemas(schemas) {
  const section = document.getElementById("schemas");
  for (const [name, schema] of Object.entries(schemas)) {
    const summary = make("summary", null, make("span", { class: "path" }, name));
    const item = folded(anchorOf(name), summary, () => [...prose(schema.description), ...shape(schema)]);
    state.schemas.push({ item, words: name.toLowerCase() });
    section.append(item);
  }
  section.hidden = false;
}

const counted = (count, name) => `${count} ${name}${count === 1 ? "" : "s"}`;

function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { section, fold, entries } of state.entries) {
    let here = 0;
    for (const entry of entries) {
      const fits = words.every((word) => entry.words.includes(word));
      entry.item.hidden = entry.link.hidden = !fits;
      if (fits) here += 1;
    }
    section.hidden = fold.hidden = here === 0;
    fold.open = words.length > 0 && here > 0;
    count += here;
  }
  const named = state.schemas.filter(({ item, words: own }) => !(item.hidden = !words.every((word) => own.includes(word)))).length;
  document.getElementById("schemas").hidden = named === 0;
  const told = counted(count, "operation") + (named ? `, ${counted(named, "schema")}` : "");
  document.getElementById("found").textContent = words.length ? told : "";
}

/** Opens what the address names, and goes there. */
function follow() {
  const item = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (item === null || item.tagName !== "DETAILS") return;
  const box = document.getElementById("search");
  if (item.closest("[hidden]") !== null) {
    box.value = "";
    search("");
  }
  item.open = true;
  item.scrollIntoView();
  item.querySelector("summary").focus({ preventScroll: true });
}

function listen() {
  const box = document.getElementById("search");
  box.addEventListener("input", () => search(box.value));
  addEventListener("hashchange", follow);
  addEventListener("click", ({ target }) => {
    // A link to where the address is already changes nothing, and what it names may have been closed.
    if (target.closest("a")?.hash && target.closest("a").hash === location.hash) follow();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== box && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      box.focus();
    } else if (event.key === "Escape" && document.activeElement === box) {
      box.value = "";
      search("");
    }
  });
}

async function start() {
  const notice = document.getElementById("notice");
  try {
    const response = await fetch("openapi.json");
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    show(await response.json());
    notice.hidden = true;
    listen();
    follow();
  } catch (error) {
    notice.textContent = `The document could not be loaded: ${error.message}`;
  }
}

start();
