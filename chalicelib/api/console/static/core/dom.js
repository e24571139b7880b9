// Elements, built one by one. What a user or a workflow wrote becomes text and never markup.

const SVG = "http://www.w3.org/2000/svg";

// h("a", {class: "id", href: "#/runs", onclick: fn, style: {width: "3px"}, data: {state: "failed"}}, "text", [more])
// Children may be strings, numbers, nodes, arrays of them; null, undefined and false are left out.
export function h(name, properties, ...children) {
  return fill(document.createElement(name), properties, children);
}

export function s(name, properties, ...children) {
  return fill(document.createElementNS(SVG, name), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) set(element, name, value);
  append(element, children);
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "value" || name === "checked" || name === "selected") element[name] = value;
  else if (name === "href") element.setAttribute("href", safeAddress(value));
  else element.setAttribute(name, value === true ? "" : String(value));
}

// Addresses inside the console, and of the web; what a script could hide in leads nowhere.
function safeAddress(address) {
  return /^(#|https?:\/\/)/i.test(address) ? address : "#";
}

export function append(element, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

// Puts the children in the place of all that the element holds. A control that had the focus hands it to its successor.
export function replace(element, ...children) {
  const before = element.contains(document.activeElement) && document.activeElement;
  element.replaceChildren();
  append(element, children);
  if (before && before !== element && before !== document.activeElement) {
    const name = nameOf(before);
    [...element.querySelectorAll(before.localName)].find((each) => each === before || nameOf(each) === name)?.focus({ preventScroll: true });
  }
  return element;
}

const nameOf = (control) => control.dataset.key ?? control.id + control.textContent + control.ariaLabel;

let counter = 0;
export const uniqueId = (stem) => `${stem}-${++counter}`;
