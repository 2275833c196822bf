// Comes in: pulses. Goes out: dots that travel along the edges of the graph: as many as were taken, as slowly as
// they took long; 80 at most, none in a hidden tab, none for who prefers reduced motion.

import { drawing, path } from "./drawing.js";
import { onPulses } from "./pulses.js";

const MOST = 80;
const MOST_A_PULSE = 3;
const STEPS = 24;
const STAGE = 380;
const SVG = "http://www.w3.org/2000/svg";

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const alive = new Set();
let running = false;

onPulses((paths) => {
  const drawn = drawing();
  if (!drawn || calm.matches || document.hidden || "held" in drawn.graph.dataset || "filtered" in drawn.graph.dataset || "process" in drawn.graph.dataset) return;
  for (const [key, count] of Object.entries(paths)) {
    const { edges, stage } = path(key, drawn);
    edges.forEach((edge, place) => {
      for (let one = 0; one < Math.min(count, MOST_A_PULSE); one += 1) {
        send(drawn, edge, (stage + place) * STAGE + one * 90);
      }
    });
  }
});

calm.addEventListener("change", clear);
document.addEventListener("visibilitychange", clear);

function clear() {
  for (const dot of alive) dot.element?.remove();
  alive.clear();
}

function send(drawn, edge, delay) {
  if (alive.size >= MOST) return;
  alive.add({ drawn, edge, start: performance.now() + delay, time: travel(edge), element: null });
  if (!running) {
    running = true;
    requestAnimationFrame(move);
  }
}

/** Milliseconds along one edge: 0.7 s for what takes no time, 1.9 s for what takes a second. */
function travel(edge) {
  const took = Number(edge.element.dataset.took || 0) / 1000;
  return Math.min(700 + 400 * Math.log10(1 + took), 2400);
}

/** Let a dot go on along the same edge when the graph was drawn anew. */
function follow(dot) {
  const drawn = drawing();
  dot.edge = drawn?.between.get(`${dot.edge.from} ${dot.edge.to}`);
  if (!dot.edge) return false;
  dot.drawn = drawn;
  if (dot.element) layer(drawn).append(dot.element);
  return true;
}

/** Dots have a layer of their own, so that the shapes below are not painted again for each of their steps. */
const layer = ({ graph }) => graph.parentElement.querySelector(".dots");

function move(now) {
  for (const dot of alive) {
    const at = (now - dot.start) / dot.time;
    if (at < 0) continue;
    if (at >= 1 || (!dot.drawn.graph.isConnected && !follow(dot))) {
      dot.element?.remove();
      alive.delete(dot);
      continue;
    }
    dot.element ??= born(dot);
    place(dot.element, dot.edge, at);
  }
  running = alive.size > 0;
  if (running) requestAnimationFrame(move);
}

function born({ drawn, edge }) {
  const element = document.createElementNS(SVG, "circle");
  element.setAttribute("class", `dot ${look(edge)}`);
  element.setAttribute("r", drawn.graph.classList.contains("is-compact") ? "2.2" : "2.8");
  return layer(drawn).appendChild(element);
}

/** Of an edge's dots, as many are red as the part of its calls that raised. */
function look(edge) {
  edge.raised = (edge.raised ?? 0) + Number(edge.element.dataset.errors || 0);
  if (edge.raised >= 1) {
    edge.raised -= 1;
    return "is-error";
  }
  return [...edge.element.classList].filter((name) => name !== "edge" && name !== "is-lit" && name !== "is-idle" && !name.startsWith("heat-")).join(" ");
}

/** Put a dot on its edge. The edge is measured once: asking SVG for a point on it each frame is slow. */
function place(element, edge, at) {
  edge.points ??= measure(edge.element);
  const whole = Math.floor(at * STEPS);
  const part = at * STEPS - whole;
  const [a, b] = [edge.points[whole], edge.points[whole + 1]];
  element.setAttribute("cx", (a.x + (b.x - a.x) * part).toFixed(1));
  element.setAttribute("cy", (a.y + (b.y - a.y) * part).toFixed(1));
}

function measure(element) {
  const length = element.getTotalLength();
  return Array.from({ length: STEPS + 1 }, (_, step) => element.getPointAtLength((length * step) / STEPS));
}
