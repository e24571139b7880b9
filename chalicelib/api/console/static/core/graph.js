// The drawing of a graph, to be moved and zoomed by pointer, wheel with Ctrl, and keys.

import { append, h, s, uniqueId } from "./dom.js";
import { t, word } from "./i18n.js";
import { layout } from "./layout.js";
import { LOOKS } from "./widgets.js";

const GLYPHS = {
  trigger: "▶", http_request: "⇄", rest_connector: "⇄", transform: "=", condition: "◇", switch: "◆", fork: "∥", loop: "↻", map: "≡",
  wait: "◷", user_input: "✎", sub_workflow: "▣", emit: "➤", pin_data: "⌖", code: "{}", script_execution: "{}", fail: "✕", noop: "·",
  export: "↧", import: "↥", router: "◆", mqtt_publish: "➤",
};
const MARKS = { good: "✓", bad: "✕", busy: "…", idle: "‖", other: "–" };
const MARGIN = 16;
const ROOM = { name: 134, type: 104, box: 150 };
const STEP = 60;
const SMALLEST = 0.35;
const READABLE = 0.75;

// Of a step's key: `each@1.3/fetch` → `each.body/fetch`. Rounds and resets are not drawn apart.
export function pathOf(key, isDrawn = () => true) {
  const parts = key.split("/");
  const last = decode(parts.pop().replace(/@\d+$/, ""));
  const outer = parts.map((part) => {
    const dot = part.lastIndexOf(".");
    return [decode(part.slice(0, dot).replace(/@\d+$/, "")), decode(part.slice(dot + 1))];
  });
  const named = (body) => outer.map(([id, name]) => `${id}.${body(name)}/`).join("") + last;
  const inRounds = named((name) => (/^\d+$/.test(name) ? "body" : name));
  return isDrawn(inRounds) ? inRounds : named((name) => name);
}

function decode(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

export function drawGraph(graph, { label, onChoose, share = 1 } = {}) {
  const across = fitsAcross(graph, share);
  const plan = layout(graph, across);
  const arrow = uniqueId("arrow");
  const svg = s("svg", { class: "graph", role: "group", "aria-label": label, tabindex: "0" },
    s("defs", {}, s("marker", { id: arrow, viewBox: "0 0 8 8", refX: "7", refY: "4", markerWidth: "8", markerHeight: "8", orient: "auto-start-reverse" }, s("path", { d: "M0 0 8 4 0 8z", class: "arrow" }))));
  const drawn = new Map();
  const targets = leadsTo(graph);
  for (let depth = 0; plan.boxes.some((box) => box.depth >= depth); depth++) {
    append(svg, plan.nodes.filter((node) => node.container && node.depth === depth).map(drawNode));
    append(svg, plan.boxes.filter((box) => box.depth === depth).map(drawBox));
  }
  append(svg, plan.edges.map((edge) => drawEdge(edge, across, arrow)));
  append(svg, plan.nodes.filter((node) => !node.container).map(drawNode));

  function drawNode({ path, node, x, y, width, height, container }) {
    const name = node.name || node.id;
    const mark = s("text", { class: "mark", x: x + width - 13, y: y + 17, "text-anchor": "middle", "aria-hidden": "true" });
    const note = s("text", { class: "note", x: x + width - 8, y: y + (container ? 31 : height - 9), "text-anchor": "end" });
    const choose = () => onChoose?.(path, node);
    const group = s("g", { class: `node ${container ? "container" : ""}`, tabindex: "0", role: "button", onclick: choose, onkeydown: (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose();
    } },
      s("rect", { x, y, width, height, rx: 8 }),
      s("text", { class: "glyph", x: x + 17, y: y + 27, "text-anchor": "middle", "aria-hidden": "true" }, GLYPHS[node.type] || "•"),
      // The spaces are not drawn; they part the words for those who hear them.
      s("text", { class: "name", x: x + 34, y: y + 19 }, cut(name, "name")), " ",
      s("text", { class: "type", x: x + 34, y: y + 34 }, cut(typeText(node), "type")), " ",
      mark, note);
    drawn.set(path, { group, mark, note, node, name });
    describe(drawn.get(path), null);
    return group;
  }

  function describe({ group, node, name }, state) {
    // First what is to be seen, word by word, for those who speak to the page.
    const seen = [cut(name, "name"), cut(typeText(node), "type"), state?.note].filter(Boolean).join(" ");
    const parts = [seen, cut(name, "name") === name ? null : name, state && word("status", state.state), targets.get(node) && t("graph.leads", { to: targets.get(node) })];
    group.setAttribute("aria-label", parts.filter(Boolean).join(", "));
  }

  const view = { x: 0, y: 0, zoom: 1 };
  let chosen = null;
  let mostZoom = 8;
  const frame = h("div", { class: "graph-frame" }, h("div", { class: "graph-room" }, svg), controls());
  // What is drawn, each with its place in an order in which it may run.
  frame.paths = new Map(plan.nodes.map((node, index) => [node.path, index]));
  frame.mark = (states) => {
    for (const [path, each] of drawn) {
      const state = states.get(path) || null;
      const look = state ? LOOKS[state.state] || "other" : "";
      each.group.setAttribute("class", `node ${each.node.bodies ? "container" : ""} ${look} ${each.group.classList.contains("chosen") ? "chosen" : ""}`);
      each.mark.textContent = state ? MARKS[look] : "";
      each.note.textContent = state?.note || "";
      describe(each, state);
    }
  };
  frame.choose = (path) => {
    for (const [each, { group }] of drawn) group.classList.toggle("chosen", each === path);
    chosen = plan.nodes.find((each) => each.path === path);
    reveal();
  };

  // Of a graph that is shown in part, the part with what was chosen.
  function reveal() {
    if (!chosen || view.zoom <= 1) return;
    for (const [axis, size] of [["x", "width"], ["y", "height"]]) {
      const half = plan[size] / view.zoom / 2;
      const off = chosen[axis] + chosen[size] / 2 - half - view[axis];
      if (Math.abs(off) > half) view[axis] += off;
    }
    show();
  }

  function show() {
    const width = (plan.width + 2 * MARGIN) / view.zoom;
    const height = (plan.height + 2 * MARGIN) / view.zoom;
    // Of a graph that is shown in part, fingers move the graph and not the page.
    svg.style.setProperty("touch-action", view.zoom > 1 ? "none" : "pan-y");
    svg.setAttribute("viewBox", `${view.x - MARGIN} ${view.y - MARGIN} ${width} ${height}`);
  }

  function zoom(factor, centre = { x: view.x + plan.width / view.zoom / 2, y: view.y + plan.height / view.zoom / 2 }) {
    const wanted = Math.min(Math.max(view.zoom * factor, 0.3), mostZoom);
    const real = wanted / view.zoom;
    view.x = centre.x - (centre.x - view.x) / real;
    view.y = centre.y - (centre.y - view.y) / real;
    view.zoom = wanted;
    show();
  }

  function reset() {
    Object.assign(view, { x: 0, y: 0, zoom: 1 });
    show();
  }

  function controls() {
    const control = (text, name, action) => h("button", { type: "button", "aria-label": t(name), title: t(name), onclick: action }, text);
    return h("div", { class: "graph-controls" }, control("+", "graph.in", () => zoom(1.3)), control("−", "graph.out", () => zoom(1 / 1.3)), control("⤢", "graph.fit", reset));
  }

  svg.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (move) {
      view.x += (move[0] * STEP) / view.zoom;
      view.y += (move[1] * STEP) / view.zoom;
      show();
    } else if (event.key === "+" || event.key === "=") zoom(1.3);
    else if (event.key === "-") zoom(1 / 1.3);
    else if (event.key === "0") reset();
    else return;
    event.preventDefault();
  });
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, inGraph(event));
  }, { passive: false });
  followPointers();

  function inGraph({ clientX, clientY }) {
    const at = new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM().inverse());
    return { x: at.x, y: at.y };
  }

  // One pointer moves the graph, two zoom it; a click that did not move is the node's.
  function followPointers() {
    const pointers = new Map();
    svg.addEventListener("pointerdown", (event) => pointers.set(event.pointerId, { last: event, moved: 0 }));
    svg.addEventListener("pointermove", (event) => {
      const pointer = pointers.get(event.pointerId);
      if (!pointer) return;
      const [from, to] = [inGraph(pointer.last), inGraph(event)];
      pointer.moved += Math.abs(event.clientX - pointer.last.clientX) + Math.abs(event.clientY - pointer.last.clientY);
      if (pointers.size === 2) {
        const other = [...pointers.entries()].find(([id]) => id !== event.pointerId)[1].last;
        const far = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
        zoom(far(event) / far(pointer.last), inGraph(other));
      } else if (pointer.moved > 4) {
        if (!svg.hasPointerCapture(event.pointerId)) svg.setPointerCapture(event.pointerId);
        view.x -= to.x - from.x;
        view.y -= to.y - from.y;
        show();
      }
      pointer.last = event;
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) svg.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }

  // No larger than life, and no higher than a screen.
  const scale = { width: plan.width + 2 * MARGIN, height: plan.height + 2 * MARGIN };
  svg.style.setProperty("max-width", `${Math.round(scale.width * 1.15)}px`);
  svg.style.setProperty("aspect-ratio", `${scale.width} / ${scale.height}`);
  show();
  // Of a graph that would be too small to read as a whole, the beginning; when it is first on the page.
  const placed = new ResizeObserver(() => {
    if (!svg.clientWidth) return;
    placed.disconnect();
    const fitted = Math.min(svg.clientWidth / scale.width, svg.clientHeight / scale.height);
    mostZoom = Math.max(8, 2 / fitted);
    if (fitted < SMALLEST) zoom(READABLE / fitted, across ? { x: 0, y: plan.height / 2 } : { x: plan.width / 2, y: 0 });
    reveal();
  });
  placed.observe(svg);
  return frame;
}

// From left to right if that can be read there, else from top to bottom. `share` is the part of a wide page it has.
function fitsAcross(graph, share) {
  const page = document.documentElement.clientWidth;
  const room = page < 1200 ? page - 60 : Math.min(page - 270, 1400) * share;
  return page > 768 && layout(graph, true).width < room * 1.25;
}

const pen = document.createElement("canvas").getContext("2d");

// As much of a text as there is room for.
function cut(text, kind) {
  pen.font = kind === "name" ? "600 12.5px system-ui, sans-serif" : "11px system-ui, sans-serif";
  const fits = (shown) => pen.measureText(shown).width <= ROOM[kind];
  if (fits(text)) return text;
  let length = Math.min(text.length, 40);
  while (length > 1 && !fits(`${text.slice(0, length)}…`)) length--;
  return `${text.slice(0, length)}…`;
}

function typeText(node) {
  const method = node.type === "http_request" && node.config?.method;
  return method && typeof method === "string" ? `${node.type} ${method}` : node.type;
}

function leadsTo(graph, found = new Map()) {
  const names = new Map(graph.nodes.map((node) => [node.id, node.name || node.id]));
  for (const node of graph.nodes) {
    const to = graph.edges.filter((edge) => edge.source === node.id).map((edge) => names.get(edge.target) + (edge.port ? ` (${edge.port})` : ""));
    if (to.length) found.set(node, to.join(", "));
    for (const body of Object.values(node.bodies || {})) leadsTo(body, found);
  }
  return found;
}

function drawBox({ label, x, y, width, height }) {
  const pad = 6;
  return s("g", { class: "box" },
    s("rect", { x: x - pad, y: y - pad - (label ? 18 : 0), width: width + 2 * pad, height: height + 2 * pad + (label ? 18 : 0), rx: 6 }),
    label ? s("text", { x, y: y - 8 }, cut(label, "box")) : null);
}

function drawEdge({ edge, points }, across, arrow) {
  const label = edge.port || edge.condition;
  const text = edge.condition && edge.port ? `${edge.port}: ${edge.condition}` : label;
  const at = label && along(points[0], points[1], across);
  return s("g", { class: edge.port === "error" ? "edge error" : "edge" },
    s("path", { d: curve(points, across), "marker-end": `url(#${arrow})` }),
    label ? s("text", { x: at[0], y: at[1] + 4, "text-anchor": "middle" }, s("title", {}, text), text.length > 15 ? `${text.slice(0, 14)}…` : text) : null);
}

// On the curve, where the lines of several ports have parted already.
function along([x0, y0], [x1, y1], across) {
  const at = 0.56;
  const bent = 3 * at ** 2 - 2 * at ** 3;
  const straight = at + 0.5 * (at - 3 * at ** 2 + 2 * at ** 3);
  const [x, y] = across ? [straight, bent] : [bent, straight];
  return [x0 + (x1 - x0) * x, y0 + (y1 - y0) * y];
}

function curve(points, across) {
  let path = `M${points[0].join(" ")}`;
  for (let i = 1; i < points.length; i++) {
    const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
    const bend = across ? (x1 - x0) / 2 : (y1 - y0) / 2;
    path += across ? ` C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}` : ` C${x0} ${y0 + bend} ${x1} ${y1 - bend} ${x1} ${y1}`;
  }
  return path;
}
