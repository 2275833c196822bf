// Comes in: buttons, keys, the wheel with Ctrl, and drags of the background. Goes out: the drawing larger or smaller, the
// same spot in the middle of it. To move without dragging, the frame around it scrolls as any does.

import { on } from "./actions.js";
import { drawing } from "./drawing.js";

const STEP = 1.25;
const LEAST = 0.1;
const MOST = 3;

const frame = document.querySelector(".graphpage .graph-wrap");
const bar = document.querySelector(".zoom");
let zoom = 0;

const size = ({ dataset }) => ({ width: Number(dataset.width), height: Number(dataset.height) });

/** How large it is drawn now, 1 being its natural size. */
function now(graph) {
  return graph.getBoundingClientRect().width / size(graph).width;
}

/** Draw it this large and keep the spot at `x`, `y` of the frame where it is; 0 is as wide as the frame. */
function set(wanted, x = frame.clientWidth / 2, y = frame.clientHeight / 2) {
  const graph = drawing()?.graph;
  if (!graph) return;
  const before = now(graph);
  const [left, top] = [(frame.scrollLeft + x) / before, (frame.scrollTop + y) / before];
  zoom = wanted && Math.min(Math.max(wanted, LEAST), MOST);
  apply(graph);
  const after = now(graph);
  frame.scrollTo(left * after - x, top * after - y);
}

function apply(graph) {
  graph.parentElement.classList.toggle("is-zoomed", zoom > 0);
  const { width, height } = size(graph);
  for (const [name, value] of [["width", width], ["height", height]]) {
    if (zoom) graph.setAttribute(name, (value * zoom).toFixed(1));
    else graph.removeAttribute(name);
  }
  // Measured when the frame is laid out anyway, and not once more before.
  requestAnimationFrame(() => {
    if (graph.isConnected) bar.querySelector("output").textContent = `${Math.round(now(graph) * 100)} %`;
  });
}

const by = (factor) => (element, event, ...at) => {
  const graph = drawing()?.graph;
  if (graph) set(now(graph) * factor, ...at);
};
const larger = by(STEP);
const smaller = by(1 / STEP);

function fit() {
  const graph = drawing()?.graph;
  if (!graph) return;
  const { width, height } = size(graph);
  set(Math.min(frame.clientWidth / width, frame.clientHeight / height, 1.2));
  frame.scrollTo(0, 0);
}

function drag(event) {
  if (event.button || event.pointerType === "touch" || event.target.closest("a, .graph-list")) return;
  const start = { x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop };
  const move = ({ clientX, clientY }) => frame.scrollTo(start.x - clientX, start.y - clientY);
  const end = () => {
    frame.classList.remove("is-dragged");
    frame.removeEventListener("pointermove", move);
  };
  frame.classList.add("is-dragged");
  frame.addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) frame.addEventListener(name, end, { once: true });
}

const KEYS = { "+": larger, "=": larger, "-": smaller, 0: fit };

if (frame && bar) {
  bar.hidden = false;
  on("zoom-in", () => larger());
  on("zoom-out", () => smaller());
  on("zoom-fit", fit);
  frame.addEventListener("pointerdown", drag);
  frame.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const { left, top } = frame.getBoundingClientRect();
      by(Math.exp(-event.deltaY / 300))(null, event, event.clientX - left, event.clientY - top);
    },
    { passive: false },
  );
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    if (KEYS[event.key]) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
  document.addEventListener("graph:redrawn", () => {
    const graph = drawing()?.graph;
    if (graph) apply(graph);
  });
  globalThis.addEventListener("resize", () => {
    const graph = drawing()?.graph;
    if (graph) apply(graph);
  });
  if (drawing()) apply(drawing().graph);
}
