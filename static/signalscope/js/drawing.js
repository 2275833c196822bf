// Comes in: the SVG that the server drew. Goes out: its nodes and edges by name, anew whenever the SVG was replaced.

const CAUSED = "↳";

let drawn = null;
let index = null;

/** The drawing on this page: `{graph, nodes, byPath, edges, between}`, or null where there is none. */
export function drawing() {
  const graph = document.querySelector("svg.graph");
  if (graph !== drawn) {
    drawn = graph;
    index = graph && read(graph);
  }
  return index;
}

/** Put what an address answers into an element, or in its place. What goes wrong is the connection's to say. */
export function fetchInto(element, address, swap) {
  return globalThis.htmx.ajax("GET", address, { source: element, target: element, swap }).catch(() => {});
}

function read(graph) {
  const nodes = new Map();
  const byPath = new Map();
  for (const element of graph.querySelectorAll(".node[data-node]")) {
    const [kind, ...names] = element.dataset.path.split("|");
    const node = { id: element.dataset.node, kind, names, element };
    nodes.set(node.id, node);
    byPath.set(element.dataset.path, node);
  }
  const edges = [];
  const between = new Map();
  for (const element of graph.querySelectorAll(".edge")) {
    const { from, to, via, echo } = element.dataset;
    const edge = { element, from, to, via: new Set(via?.split(" ")), caused: element.classList.contains("is-caused") };
    edges.push(edge);
    if (echo === undefined) between.set(`${from} ${to}`, edge);
  }
  return { graph, nodes, byPath, edges, between };
}

/** What one pulse touches: `{nodes, edges, missing}`, edges in the order in which it passes them. */
export function path(key, { byPath, between }) {
  const [origin, sender, signal, receiver] = key.split("|");
  const point = byPath.get(`point|${signal}|${sender}`);
  const group = byPath.get(`signal|${signal}`);
  const edge = (from, to) => from && to && between.get(`${from.id} ${to.id}`);
  if (receiver) {
    const target = byPath.get(`receiver|${receiver}`);
    const taken = edge(point, target) ?? edge(group, target);
    return { nodes: [target].filter(Boolean), edges: [taken].filter(Boolean), missing: !taken, stage: 2 };
  }
  if (origin.startsWith(CAUSED)) {
    const back = edge(byPath.get(`receiver|${origin.slice(CAUSED.length)}`), point);
    return { nodes: [], edges: [back].filter(Boolean), missing: !back, stage: 0 };
  }
  const from = byPath.get(`sender|${sender}`);
  const start = origin && byPath.get(`origin|${origin}`);
  const edges = [origin && edge(start, from), edge(from, point)];
  return {
    nodes: [start, from, point, group].filter(Boolean),
    edges: edges.filter(Boolean),
    missing: !edges[1] || Boolean(origin && !edges[0]),
    stage: edges[0] ? 0 : 1,
  };
}
