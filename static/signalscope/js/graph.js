// Comes in: clicks and keys on the graph's page. Goes out: the chosen node's paths lit, its sheet fetched, groups opened,
// nodes found by name. Without it every node is a plain link, and the toolbar a plain form. In the panel beside the
// stream the server chooses the node by the stream's filter; its paths are lit here too.

import { isModified } from "./actions.js";
import "./completion.js";
import { whenRedrawn } from "./counts.js";
import "./dots.js";
import { addressOf, drawing, fetchInto, redraw } from "./drawing.js";
import { keepOneStop } from "./neighbours.js";
import { pathsThrough } from "./paths.js";
import "./zoom.js";

const TYPED = 300;

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
  const lit = node ? pathsThrough(node, drawn) : new Set();
  const ends = new Set([...lit].flatMap((edge) => [edge.from, edge.to]));
  for (const edge of drawn.edges) edge.element.classList.toggle("is-lit", lit.has(edge));
  for (const other of drawn.nodes.values()) {
    other.element.classList.toggle("is-selected", other === node);
    other.element.classList.toggle("is-lit", ends.has(other.id));
    if (other === node) other.element.setAttribute("aria-current", "true");
    else other.element.removeAttribute("aria-current");
  }
  keepOneStop(chosen);
}

/** Keep what the address bar says; the page's own address, without parts that only a refresh needs. */
const remember = (address) => history.replaceState(history.state, "", address);

/** Light the paths, fetch the sheet, and keep the address of it. A node in a folded group opens the group. */
function choose(id, address) {
  chosen = id;
  if (id && !drawing()?.nodes.has(id)) redraw(address);
  else show();
  sheet.parentElement.classList.toggle("is-chosen", Boolean(id));
  fetchInto(sheet, address, "innerHTML");
  remember(address);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest(".node[data-node], [data-graph-node], [data-graph-close]");
  if (!link || !sheet || isModified(event)) return;
  event.preventDefault();
  const address = addressOf(link);
  if (link.matches(".is-group")) {
    redraw(address);
    remember(address);
    return;
  }
  if ("graphClose" in link.dataset) drawing()?.nodes.get(chosen)?.element.focus({ preventScroll: true });
  choose(link.dataset.node ?? link.dataset.graphNode ?? "", address);
});

document.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target.closest?.(".node.is-group")) {
    event.preventDefault();
    event.target.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
  }
  if (event.key === "Escape" && chosen && sheet && event.target !== find) sheet.querySelector("[data-graph-close]")?.click();
  if (event.key === "/" && find && !event.target.closest("input, textarea, select")) {
    event.preventDefault();
    find.focus();
  }
});

/* ---- finding a node: it and its paths are kept ---- */

let typed = 0;
let found = find?.value ?? "";

/** Return the address that the form would ask for. */
function wanted() {
  const fields = [...new FormData(look)].filter(([, value]) => value);
  const query = new URLSearchParams(fields).toString();
  return `${look.action}${query ? `?${query}` : ""}`;
}

function search() {
  clearTimeout(typed);
  if (find.value.trim() === found.trim()) return Promise.resolve();
  found = find.value;
  const address = wanted();
  remember(address);
  return redraw(address);
}

find?.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(search, TYPED);
});
look?.addEventListener("submit", async (event) => {
  event.preventDefault();
  // Enter in a field counts as a press of the form's button: only the focus tells.
  if (document.activeElement !== find) {
    clearTimeout(typed);
    location.assign(wanted());
    return;
  }
  await search();
  const first = drawing()?.graph.querySelector(".node.is-found");
  if (!first || !find.value.trim()) return;
  first.focus({ preventScroll: true });
  first.scrollIntoView({ block: "center", inline: "center" });
  if (!first.matches(".is-group")) choose(first.dataset.node, addressOf(first));
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

function leave() {
  focused = document.activeElement?.closest(".node")?.dataset.node ?? "";
}

function arrive() {
  if (!sheet) chosen = chosenByServer();
  show();
  if (focused && document.activeElement === document.body) drawing()?.nodes.get(focused)?.element.focus({ preventScroll: true });
}

for (const name of ["htmx:beforeSwap", "graph:leaving"]) document.addEventListener(name, leave);
for (const name of ["htmx:afterSwap", "graph:redrawn"]) document.addEventListener(name, arrive);

/** The sheet's figures go on with the drawing's, unless somebody reads or marks something in it. */
whenRedrawn(() => {
  const mark = getSelection();
  const isRead = sheet?.contains(document.activeElement) || (mark && !mark.isCollapsed && sheet?.contains(mark.anchorNode));
  const own = drawing()?.nodes.get(chosen)?.element;
  if (!sheet || !own || isRead) return;
  const scrolled = [...sheet.querySelectorAll(".panel-body, .source")].map((element) => element.scrollTop);
  fetchInto(sheet, addressOf(own), "innerHTML").then(() => {
    [...sheet.querySelectorAll(".panel-body, .source")].forEach((element, index) => { element.scrollTop = scrolled[index] ?? 0; });
  });
}, () => chosen);
show();
