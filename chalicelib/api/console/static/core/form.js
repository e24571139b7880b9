// A form from a JSON Schema: fields for what is simple, JSON for what is not. The API checks what is sent once more.

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { field, jsonField, select } from "./widgets.js";

// → {element, read()}: `read` gives the value, or throws after it has said beside a field what is wrong. What is no
// schema is answered with JSON.
export function schemaForm(schema) {
  try {
    return formOf(schema);
  } catch {
    return json(t("form.value"), null, true);
  }
}

function formOf(schema) {
  if (schema?.type === "object" && schema.properties && Object.keys(schema.properties).length) return objectForm(schema);
  return schema && typeof schema === "object" && schema.type ? part(schema.title || t("form.value"), schema, true) : json(t("form.value"), schema, true);
}

function objectForm(schema) {
  const required = new Set(schema.required || []);
  const parts = Object.entries(schema.properties).map(([name, each]) => [name, part(each.title || name, each, required.has(name))]);
  return {
    element: h("div", { class: "stack" }, schema.description ? h("p", { class: "quiet" }, schema.description) : null, parts.map(([, { element }]) => element)),
    read: () => Object.fromEntries(parts.map(([name, { read }]) => [name, read()]).filter(([, value]) => value !== undefined)),
  };
}

function part(label, schema, required) {
  const named = required ? label : t("form.optional", { label });
  if (Array.isArray(schema.enum)) return choice(named, schema, required);
  if (schema.type === "boolean") return check(label, schema);
  if (schema.type === "number" || schema.type === "integer") return numeric(named, schema, required);
  if (schema.type === "string") return text(named, schema, required);
  return json(named, schema, required);
}

function choice(label, schema, required) {
  const options = schema.enum.map((value, index) => [String(index), typeof value === "string" ? value : JSON.stringify(value)]);
  const at = schema.enum.indexOf(schema.default);
  const control = select(required ? options : [["", "–"], ...options], { value: at >= 0 ? String(at) : undefined });
  return { element: field(label, control, schema.description), read: () => (control.value === "" ? undefined : schema.enum[Number(control.value)]) };
}

function check(label, schema) {
  const control = h("input", { type: "checkbox", checked: schema.default === true });
  const hint = schema.description ? h("span", { class: "quiet small" }, schema.description) : null;
  return { element: h("label", { class: "row" }, control, label, hint), read: () => control.checked };
}

function numeric(label, schema, required) {
  const step = schema.type === "integer" ? 1 : "any";
  const control = h("input", { type: "number", step, min: schema.minimum, max: schema.maximum, required, value: schema.default ?? "" });
  return { element: field(label, control, schema.description), read: () => valid(control) && (control.value === "" ? undefined : Number(control.value)) };
}

const KINDS = { date: "date", email: "email", uri: "url", password: "password" };

function text(label, schema, required) {
  const long = (schema.maxLength || 0) > 200;
  const bounds = { minlength: schema.minLength, maxlength: schema.maxLength, required: required && schema.minLength > 0, value: schema.default ?? "" };
  const control = h(long ? "textarea" : "input", { type: long ? null : KINDS[schema.format] || "text", ...bounds });
  return { element: field(label, control, schema.description), read: () => valid(control) && (control.value === "" && !required ? undefined : control.value) };
}

function json(label, schema, required) {
  const empty = schema?.default ?? (schema?.type === "array" ? [] : schema?.type === "object" ? {} : null);
  const control = jsonField(label, empty, { rows: 4, hint: schema?.description });
  return { element: control, read: () => (required ? control.read() : control.read() ?? undefined) };
}

function valid(control) {
  if (control.reportValidity()) return true;
  throw new Error(control.validationMessage);
}
