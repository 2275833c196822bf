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

/** Where a link leads, in HTML or in SVG. */
export const addressOf = (link) => (typeof link.href === "string" ? link.href : link.href.baseVal);

const wide = matchMedia("(min-width: 641px)");
let asked = 0;

/** Put the drawing that an address describes in place of this one, and tell of it as `graph:redrawn`.
 *
 * htmx would send two events for every shape that goes and comes, which takes a second with 2,000 nodes. On a wide
 * page the list in words is left out: there it is shown by choice only, and that choice is in the address. */
export async function redraw(address) {
  asked += 1;
  const own = asked;
  const url = new URL(address, location.href);
  if (wide.matches) url.searchParams.set("wide", "1");
  const headers = { "HX-Request": "true", "HX-Target": "graph-view", "HX-Current-URL": location.href };
  const text = await fetch(url, { headers }).then((answer) => (answer.ok ? answer.text() : "")).catch(() => "");
  if (own !== asked || !text) return;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  if (!fresh.getElementById("graph-view")) return;
  document.dispatchEvent(new CustomEvent("graph:leaving"));
  for (const id of ["graph-view", "graph-counts", "graph-processes"]) {
    const part = fresh.getElementById(id);
    if (part) document.getElementById(id)?.replaceWith(part);
  }
  document.dispatchEvent(new CustomEvent("graph:redrawn"));
}

wide.addEventListener("change", () => {
  const address = document.getElementById("graph-view")?.dataset.refresh;
  if (address) redraw(address);
});

function read(graph) {
  const nodes = new Map();
  const byPath = new Map();
  let box = null;
  for (const element of graph.querySelectorAll(".node[data-node]")) {
    const { node: id, path: own, column, standsFor } = element.dataset;
    const isRow = element.classList.contains("is-row");
    const node = { id, column: Number(column), rows: [], box: isRow ? box : null, element };
    if (isRow) box?.rows.push(node);
    else box = node;
    nodes.set(id, node);
    byPath.set(own, node);
    for (const folded of standsFor ? JSON.parse(standsFor) : []) byPath.set(folded, node);
  }
  const edges = [];
  const between = new Map();
  for (const element of graph.querySelectorAll(".edge")) {
    const { from, to, via, caused, echo } = element.dataset;
    const edge = { element, from, to, via: new Set(via?.split(" ")), caused: caused !== undefined };
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
    nodes: [...new Set([start, from, point, group])].filter(Boolean),
    edges: edges.filter(Boolean),
    missing: !edges[1] || Boolean(origin && !edges[0]),
    stage: edges[0] ? 0 : 1,
  };
}
