// Comes in: clicks and keys on the graph's page. Goes out: the chosen node's paths lit, its sheet fetched, nodes found
// by name. Without it every node is a plain link, and the toolbar a plain form. In the panel beside the stream the
// server chooses the node by the stream's filter; its paths are lit here too.

import { isModified } from "./actions.js";
import "./counts.js";
import "./dots.js";
import { drawing, fetchInto } from "./drawing.js";

const look = document.querySelector("[data-graph-look]");
const find = document.querySelector("[data-graph-find]");
const sheet = document.getElementById("node");

/* ---- the chosen node's paths ---- */

let chosen = chosenByServer();

function chosenByServer() {
  return drawing()?.graph.querySelector(".node.is-selected")?.dataset.node ?? "";
}

function show() {
  const drawn = drawing();
  if (!drawn) return;
  const node = drawn.nodes.get(chosen);
  drawn.graph.classList.toggle("has-selection", Boolean(node));
  const lit = node ? pathsOf(node, drawn) : new Set();
  const ends = new Set([...lit].flatMap((edge) => [edge.from, edge.to]));
  for (const edge of drawn.edges) edge.element.classList.toggle("is-lit", lit.has(edge));
  for (const other of drawn.nodes.values()) {
    other.element.classList.toggle("is-selected", other === node);
    other.element.classList.toggle("is-lit", ends.has(other.id));
    if (other === node) other.element.setAttribute("aria-current", "true");
    else other.element.removeAttribute("aria-current");
  }
}

/** The edges of every path through a node: only those that were taken, or could be, by way of it. */
function pathsOf(node, { nodes, byPath, edges }) {
  const lit = new Set();
  const light = (test) => edges.filter(test).map((edge) => (lit.add(edge), edge));
  const points = (signal) => [...nodes.values()].filter((one) => one.kind === "point" && one.names[0] === signal);
  const ids = (list) => new Set(list.map((one) => one.id));
  const before = (wanted) => {
    const senders = new Set(light((edge) => wanted.has(edge.to) && !edge.caused).map((edge) => edge.from));
    light((edge) => senders.has(edge.to) && [...edge.via].some((point) => wanted.has(point)));
    light((edge) => edge.caused && wanted.has(edge.to));
  };
  const after = (wanted) => {
    const sources = new Set(wanted);
    for (const id of wanted) sources.add(byPath.get(`signal|${nodes.get(id)?.names[0]}`)?.id);
    light((edge) => sources.has(edge.from));
  };
  if (node.kind === "receiver") {
    const sources = light((edge) => edge.to === node.id).map((edge) => nodes.get(edge.from));
    before(ids(sources.flatMap((one) => (one?.kind === "signal" ? points(one.names[0]) : [one].filter(Boolean)))));
    for (const edge of lit) if (edge.caused) lit.delete(edge);
    light((edge) => edge.from === node.id);
  } else if (node.kind === "point" || node.kind === "signal") {
    const wanted = node.kind === "point" ? new Set([node.id]) : ids(points(node.names[0]));
    before(wanted);
    after(node.kind === "signal" ? new Set([...wanted, node.id]) : wanted);
  } else if (node.kind === "sender") {
    light((edge) => edge.to === node.id);
    after(new Set(light((edge) => edge.from === node.id).map((edge) => edge.to)));
  } else {
    const flows = light((edge) => edge.from === node.id);
    const wanted = new Set(flows.flatMap((edge) => [...edge.via]));
    light((edge) => wanted.has(edge.to) && !edge.caused);
    after(wanted);
  }
  return lit;
}

/** Light the paths, fetch the sheet, and keep the address of it. */
function choose(id, address) {
  chosen = id;
  show();
  fetchInto(sheet, address, "innerHTML");
  history.replaceState(history.state, "", address);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest(".node[data-node], [data-graph-node], [data-graph-close]");
  if (!link || !sheet || isModified(event)) return;
  event.preventDefault();
  const address = typeof link.href === "string" ? link.href : link.href.baseVal;
  if ("graphClose" in link.dataset) drawing()?.nodes.get(chosen)?.element.focus({ preventScroll: true });
  choose(link.dataset.node ?? link.dataset.graphNode ?? "", address);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && chosen && sheet && event.target !== find) sheet.querySelector("[data-graph-close]")?.click();
  if (event.key === "/" && find && !event.target.closest("input, textarea, select")) {
    event.preventDefault();
    find.focus();
  }
});

/* ---- finding a node ---- */

function search() {
  const drawn = drawing();
  if (!drawn || !find) return [];
  const text = find.value.trim().toLowerCase();
  const found = text ? [...drawn.nodes.values()].filter((node) => titleOf(node).includes(text)) : [];
  drawn.graph.classList.toggle("has-found", Boolean(text));
  for (const node of drawn.nodes.values()) node.element.classList.toggle("is-found", found.includes(node));
  return found;
}

const titleOf = (node) => node.element.querySelector("title").textContent.toLowerCase();

find?.addEventListener("input", search);
look?.addEventListener("submit", (event) => {
  find.disabled = !find.value;
  setTimeout(() => { find.disabled = false; });
  if (event.submitter || document.activeElement !== find) return;
  const [first] = search();
  if (!first) return;
  event.preventDefault();
  first.element.scrollIntoView({ block: "center", inline: "center" });
  first.element.focus({ preventScroll: true });
  choose(first.id, first.element.href.baseVal);
});
look?.addEventListener("change", (event) => {
  if (event.target.type === "checkbox") look.requestSubmit();
});

/* ---- a drawing that came anew ---- */

document.addEventListener("htmx:configRequest", ({ detail }) => {
  const window = detail.elt.id === "graph-panel" && drawing()?.graph.dataset.windowKey;
  if (window && !detail.path.includes("window=")) detail.parameters.window = window;
});

let focused = "";

document.addEventListener("htmx:beforeSwap", () => {
  focused = document.activeElement?.closest(".node")?.dataset.node ?? "";
});
document.addEventListener("htmx:afterSwap", () => {
  if (!sheet) chosen = chosenByServer();
  show();
  if (find?.value) search();
  if (focused && document.activeElement === document.body) drawing()?.nodes.get(focused)?.element.focus({ preventScroll: true });
});
show();
