// Comes in: pulses. Goes out: dots that travel along the edges of the graph: as many as were taken, as slowly as
// they took long; 80 at most, none where nobody sees them, none for who prefers reduced motion.

import { drawing, path } from "./drawing.js";
import { onPulses } from "./pulses.js";
import { colour, paint, sees } from "./canvas.js";

const MOST = 80;
const MOST_A_PULSE = 3;
const STEPS = 24;
const STAGE = 380;
/** From one picture to the next but one: dots move 30 times a second, and leave the page the other half of its time. */
const REST = 20;

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const alive = new Set();
let running = false;

const isStill = ({ dataset }) => "held" in dataset || "filtered" in dataset || "process" in dataset;

onPulses((paths) => {
  const drawn = drawing();
  if (!drawn || calm.matches || document.hidden || isStill(drawn.graph) || !sees(drawn)) return;
  for (const [key, count] of Object.entries(paths)) {
    const { edges, stage } = path(key, drawn);
    edges.forEach((edge, place) => {
      for (let one = 0; one < Math.min(count, MOST_A_PULSE); one += 1) {
        send(drawn, edge, (stage + place) * STAGE + one * 90);
      }
    });
  }
  tell(drawn);
});

calm.addEventListener("change", clear);
document.addEventListener("visibilitychange", clear);

function clear() {
  alive.clear();
}

/** How many travel stands on their layer, as of the last pulse: on a canvas they cannot be counted. */
function tell(drawn) {
  drawn.graph.parentElement.querySelector(".dots").dataset.travelling = alive.size;
}

function send(drawn, edge, delay) {
  if (alive.size >= MOST) return;
  alive.add({ drawn, edge, start: performance.now() + delay, time: travel(edge), colour: look(edge) });
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
  dot.drawn = drawn;
  return Boolean(dot.edge);
}

function move(now) {
  const points = [];
  for (const dot of alive) {
    const at = (now - dot.start) / dot.time;
    if (at >= 1 || (!dot.drawn.graph.isConnected && !follow(dot))) alive.delete(dot);
    else if (at >= 0) points.push({ ...place(dot.edge, at), colour: colour(dot.edge.element, dot.colour) });
  }
  running = alive.size > 0;
  const drawn = drawing();
  if (drawn) paint(drawn, points);
  if (running) setTimeout(() => requestAnimationFrame(move), REST);
  else if (drawn) tell(drawn);
}

/** Return the token a dot is coloured with. Of an edge's dots, as many are red as the part of its calls that raised. */
function look(edge) {
  edge.raised = (edge.raised ?? 0) + Number(edge.element.dataset.errors || 0);
  if (edge.raised >= 1) {
    edge.raised -= 1;
    return "--error";
  }
  return edge.element.matches(".is-mixed, .is-caused") ? "--ink-2" : "--fam";
}

/** Where a dot is on its edge. The edge is measured once: asking SVG for a point on it each time is slow. */
function place(edge, at) {
  edge.points ??= measure(edge.element);
  const whole = Math.floor(at * STEPS);
  const part = at * STEPS - whole;
  const [a, b] = [edge.points[whole], edge.points[whole + 1]];
  return { x: a.x + (b.x - a.x) * part, y: a.y + (b.y - a.y) * part };
}

function measure(element) {
  const length = element.getTotalLength();
  return Array.from({ length: STEPS + 1 }, (_, step) => element.getPointAtLength((length * step) / STEPS));
}
