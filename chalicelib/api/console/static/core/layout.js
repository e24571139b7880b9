// Where the nodes of a graph stand: in layers, each behind all that lead to it, with few crossings and short edges.
// docs/console.md tells what it takes and gives.

const NODE = { width: 190, height: 46 };
const GAP = { layer: 44, beside: 22, label: 58, body: 14, head: 46, title: 18 };
const SWEEPS = 6;

export function layout(graph, across) {
  const placed = place(graph, across, "", 0);
  return { width: placed.width, height: placed.height, nodes: placed.nodes, edges: placed.edges, boxes: placed.boxes };
}

function place(graph, across, prefix, depth) {
  const items = graph.nodes.map((node) => measure(node, across, prefix, depth));
  const byId = new Map(items.map((item) => [item.node.id, item]));
  const edges = graph.edges.filter(({ source, target }) => byId.has(source) && byId.has(target));
  rank(byId, edges);
  const { layers, chains } = spread(items, byId, edges);
  order(layers);
  const size = position(layers, across, edges.some(({ port, condition }) => port || condition));
  const result = { width: size.width, height: size.height, nodes: [], edges: [], boxes: [] };
  for (const item of [...items].sort((one, other) => one.layer - other.layer || one.at - other.at)) {
    const container = item.bodies.length > 0;
    result.nodes.push({ path: prefix + item.node.id, node: item.node, x: item.x, y: item.y, width: item.width, height: item.height, depth, container });
    for (const body of item.bodies) shift(result, body, item.x + body.x, item.y + body.y, depth);
  }
  for (const { edge, chain } of chains) result.edges.push({ edge, depth, points: points(byId.get(edge.source), chain, byId.get(edge.target), across) });
  return result;
}

function shift(result, { inside, label }, dx, dy, depth) {
  result.boxes.push({ label, depth, x: dx, y: dy, width: inside.width, height: inside.height });
  for (const node of inside.nodes) result.nodes.push({ ...node, x: node.x + dx, y: node.y + dy });
  for (const edge of inside.edges) result.edges.push({ ...edge, points: edge.points.map(([x, y]) => [x + dx, y + dy]) });
  for (const box of inside.boxes) result.boxes.push({ ...box, x: box.x + dx, y: box.y + dy });
}

// A container is as large as its bodies, which stand beside each other across the direction of the edges.
function measure(node, across, prefix, depth) {
  const bodies = Object.entries(node.bodies || {}).map(([name, body]) => ({
    label: name === "body" ? "" : name,
    inside: place(body, across, `${prefix}${node.id}.${name}/`, depth + 1),
  }));
  const item = { node, bodies, width: NODE.width, height: NODE.height, layer: 0 };
  if (!bodies.length) return item;
  let along = GAP.body;
  for (const body of bodies) {
    const top = body.label ? GAP.title : 0;
    body.x = across ? GAP.body : along;
    body.y = (across ? along - GAP.body : 0) + GAP.head + top;
    along += GAP.body + (across ? body.inside.height + top : body.inside.width);
  }
  item.width = Math.max(NODE.width, ...bodies.map((body) => body.x + body.inside.width + GAP.body));
  item.height = Math.max(...bodies.map((body) => body.y + body.inside.height + GAP.body));
  return item;
}

// Longest paths; a graph has no cycles, and one that had would end after as many rounds as it has nodes.
function rank(byId, edges) {
  for (let round = 0; round < byId.size; round++) {
    let moved = false;
    for (const { source, target } of edges) {
      const least = byId.get(source).layer + 1;
      if (byId.get(target).layer < least && least <= byId.size) {
        byId.get(target).layer = least;
        moved = true;
      }
    }
    if (!moved) return;
  }
}

// Layers, with a place kept in every layer that an edge passes.
function spread(items, byId, edges) {
  const layers = [];
  const into = (item) => (layers[item.layer] ||= []).push(item);
  items.forEach(into);
  const chains = edges.map((edge) => {
    const [from, to] = [byId.get(edge.source), byId.get(edge.target)];
    const chain = [];
    let last = from;
    for (let layer = from.layer + 1; layer < to.layer; layer++) {
      const passing = { width: 12, height: 12, layer, before: [], after: [] };
      chain.push(passing);
      into(passing);
      join(last, passing);
      last = passing;
    }
    join(last, to);
    return { edge, chain };
  });
  return { layers: Array.from(layers, (layer) => layer || []), chains };
}

function join(from, to) {
  (from.after ||= []).push(to);
  (to.before ||= []).push(from);
}

function order(layers) {
  const number = (layer) => layer.forEach((item, index) => { item.at = index; });
  layers.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (const layer of down ? layers : [...layers].reverse()) {
      const wish = (item) => {
        const near = (down ? item.before : item.after) || [];
        return near.length ? near.reduce((sum, each) => sum + each.at, 0) / near.length : item.at;
      };
      const wishes = new Map(layer.map((item) => [item, wish(item)]));
      layer.sort((one, other) => wishes.get(one) - wishes.get(other) || one.at - other.at);
      number(layer);
    }
  }
}

function position(layers, across, labelled) {
  const [main, cross, long, wide] = across ? ["x", "y", "width", "height"] : ["y", "x", "height", "width"];
  let along = 0;
  for (const layer of layers) {
    const depth = Math.max(0, ...layer.map((item) => item[long]));
    for (const item of layer) {
      item[main] = along;
      if (!item.node) item[long] = depth;
    }
    along += depth + GAP.layer + (labelled ? (across ? GAP.label : 14) : 0);
  }
  for (const layer of layers) {
    let next = 0;
    for (const item of layer) {
      item[cross] = next;
      next += item[wide] + GAP.beside;
    }
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const near = sweep % 2 === 0 ? "before" : "after";
    for (const layer of sweep % 2 === 0 ? layers : [...layers].reverse()) straighten(layer, near, cross, wide);
  }
  const all = layers.flat();
  const least = Math.min(0, ...all.map((item) => item[cross]));
  for (const item of all) item[cross] -= least;
  const size = { width: NODE.width, height: NODE.height };
  for (const item of all) {
    size.width = Math.max(size.width, item.x + item.width);
    size.height = Math.max(size.height, item.y + item.height);
  }
  return size;
}

// Each item as near to the middle of its neighbours as those beside it allow.
function straighten(layer, near, cross, wide) {
  const middle = (item) => item[cross] + item[wide] / 2;
  const wishes = layer.map((item) => {
    const others = item[near] || [];
    return others.length ? others.reduce((sum, each) => sum + middle(each), 0) / others.length - item[wide] / 2 : item[cross];
  });
  const least = [...wishes];
  for (let i = 1; i < layer.length; i++) least[i] = Math.max(least[i], least[i - 1] + layer[i - 1][wide] + GAP.beside);
  const most = [...wishes];
  for (let i = layer.length - 2; i >= 0; i--) most[i] = Math.min(most[i], most[i + 1] - layer[i][wide] - GAP.beside);
  layer.forEach((item, i) => { item[cross] = (least[i] + most[i]) / 2; });
  for (let i = 1; i < layer.length; i++) {
    const free = layer[i - 1][cross] + layer[i - 1][wide] + GAP.beside;
    if (layer[i][cross] < free) layer[i][cross] = free;
  }
}

function points(from, chain, to, across) {
  // Straight past everything in a layer, so that no line runs over a node.
  const through = chain.flatMap(({ x, y, width, height }) => (across ? [[x, y + height / 2], [x + width, y + height / 2]] : [[x + width / 2, y], [x + width / 2, y + height]]));
  if (across) return [[from.x + from.width, from.y + headMiddle(from)], ...through, [to.x, to.y + headMiddle(to)]];
  return [[from.x + from.width / 2, from.y + from.height], ...through, [to.x + to.width / 2, to.y]];
}

// Edges meet a container at the height of its head.
const headMiddle = (item) => (item.bodies?.length ? GAP.head / 2 : item.height / 2);
