// Comes in: arrow keys on a node of the drawing. Goes out: the focus on a neighbour: to the left and right along the
// edges, the busiest first; up and down within the column. One node at a time is a tab stop, so that Tab leaves the
// drawing.

import { drawing } from "./drawing.js";

const WAYS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: 0, ArrowDown: 0 };

let stop = "";

/** Return the node to go to, or nothing at an end. */
function next(node, key, { nodes, edges }) {
  const way = WAYS[key];
  if (way === 0) {
    const column = [...nodes.values()].filter((one) => one.column === node.column).sort((a, b) => top(a) - top(b));
    return column[column.indexOf(node) + (key === "ArrowDown" ? 1 : -1)];
  }
  const near = (one) => Math.abs(top(one) - top(node));
  const beside = edges
    .filter((edge) => !edge.caused && (way > 0 ? edge.from : edge.to) === node.id)
    .map((edge) => ({ edge, other: nodes.get(way > 0 ? edge.to : edge.from) }))
    .filter(({ other }) => other);
  // A box has no edges of its own where its rows have them, and a row none where its box has.
  const [best] = beside.sort((a, b) => width(b.edge) - width(a.edge) || near(a.other) - near(b.other));
  return best?.other ?? (way > 0 ? node.box ?? node.rows[0] : node.rows[0]);
}

const top = (node) => node.element.getBoundingClientRect().top;
const width = (edge) => Number(edge.element.getAttribute("stroke-width"));

/** Let Tab reach one node only: the chosen one, the one that had the focus, or the first. */
export function keepOneStop(chosen) {
  const drawn = drawing();
  if (!drawn) return;
  const nodes = [...drawn.nodes.values()];
  const kept = drawn.nodes.get(chosen) ?? drawn.nodes.get(stop) ?? nodes[0];
  stop = kept?.id ?? "";
  for (const node of nodes) node.element.setAttribute("tabindex", node === kept ? "0" : "-1");
}

document.addEventListener("focusin", (event) => {
  const element = event.target.closest?.("svg.graph .node[data-node]");
  const drawn = element && drawing();
  if (!drawn) return;
  drawn.nodes.get(stop)?.element.setAttribute("tabindex", "-1");
  stop = element.dataset.node;
  element.setAttribute("tabindex", "0");
});

document.addEventListener("keydown", (event) => {
  const element = event.target.closest?.("svg.graph .node[data-node]");
  const drawn = element && drawing();
  if (!drawn || !(event.key in WAYS) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const other = next(drawn.nodes.get(element.dataset.node), event.key, drawn);
  if (!other) return;
  other.element.focus({ preventScroll: true });
  other.element.scrollIntoView({ block: "nearest", inline: "nearest" });
});
