// Comes in: pulses. Goes out: the counts on the graph's nodes, kept up; now and then the whole drawing again from
// the server, sooner when something was seen that it does not show yet.

import { drawing, path, redraw } from "./drawing.js";
import { onPulses } from "./pulses.js";

const SOON = 1000;
const LATER = 5000;
const FADING = 15000;
const LONGEST_FADING = 300000;

let due = Infinity;
let drawnAt = performance.now();
let lastPulse = performance.now();
let cost = 0;
let after = () => {};
let chosen = () => "";

/** Call `then` when the drawing came anew; `node` gives the id of a node whose group must stay open. */
export function whenRedrawn(then, node) {
  after = then;
  chosen = node;
}

const isReplay = (drawn) => drawn.graph.dataset.windowKey === "replay";

let begun = null;
let played = new Map();

/** A replay's drawing shows what the whole stretch will have been: its counts are of what was played. */
function begin(drawn) {
  if (!isReplay(drawn) || drawn.graph === begun) return;
  begun = drawn.graph;
  for (const { element } of drawn.nodes.values()) {
    element.dataset.count = 0;
    add(element, 0, Infinity);
  }
  for (const [key, count] of played) {
    for (const { element } of path(key, drawn).nodes) add(element, count, Infinity);
  }
}

function remember(paths) {
  for (const [key, count] of Object.entries(paths)) if (key) played.set(key, (played.get(key) ?? 0) + count);
}

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id === "live") played = new Map();
});

document.addEventListener("htmx:afterSettle", () => {
  const drawn = drawing();
  if (drawn) begin(drawn);
});

onPulses((paths) => {
  const drawn = drawing();
  if (drawn) begin(drawn);
  if (document.querySelector("[data-player]")) remember(paths);
  if (!drawn || "held" in drawn.graph.dataset) return;
  const window = isReplay(drawn) ? Infinity : Number(drawn.graph.dataset.window) || 1;
  lastPulse = performance.now();
  if ("process" in drawn.graph.dataset || "filtered" in drawn.graph.dataset) {
    // Pulses are of everything: what of it this process did, or the filter lets through, only the server says.
    due = Math.min(due, lastPulse + SOON);
    return;
  }
  let missing = "" in paths;
  for (const [key, count] of Object.entries(paths)) {
    if (!key) continue;
    const touched = path(key, drawn);
    missing ||= touched.missing;
    for (const node of touched.nodes) add(node.element, count, window);
    for (const edge of touched.edges) wake(edge.element);
  }
  due = Math.min(due, lastPulse + (missing ? SOON : LATER));
});

/** Worded as dashboard/graph/notes.py does. */
function worded(count, perSecond) {
  if (perSecond < 0.5) return `${count.toLocaleString("en")}×`;
  return `${perSecond < 9.95 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString("en")}/s`;
}

function add(element, more, window) {
  const count = Number(element.dataset.count) + more;
  element.dataset.count = count;
  wake(element);
  const text = element.querySelector(".live, .rate:not(.of-note)");
  const before = text?.textContent;
  const now = worded(count, count / window);
  if (!text || now === before) return;
  text.textContent = now;
  // What is spoken holds what is written, in its place.
  const said = element.getAttribute("aria-label");
  if (before) element.setAttribute("aria-label", said.replace(`, ${before}`, `, ${now}`));
}

/** To write what stands there already costs as much as to write something else. */
function wake(element) {
  if (element.classList.contains("is-idle")) element.classList.remove("is-idle");
}

setInterval(() => {
  const now = performance.now();
  const view = document.getElementById("graph-view");
  const isLive = document.documentElement.dataset.conn === "open" && !document.hidden;
  if (!isLive || !view?.dataset.refresh || now - drawnAt < cost * 20 || (now < due && !fades(now))) return;
  due = Infinity;
  drawnAt = now;
  const { refresh } = view.dataset;
  const node = refresh.includes("panel=") ? "" : chosen();
  redraw(node ? `${refresh}${refresh.includes("?") ? "&" : "?"}node=${node}` : refresh).then(() => {
    cost = performance.now() - now;
    after();
  });
}, 500);

/** Whether what was counted leaves the window by and by. */
function fades(now) {
  const window = Number(drawing()?.graph.dataset.window ?? 0) * 1000;
  return window <= LONGEST_FADING && now - lastPulse < window + FADING && now - drawnAt > FADING;
}
