// Comes in: points of the drawing, in its units, with their colours. Goes out: dots on the canvas above the drawing.
// The canvas lies over the part of the drawing that is in view: to paint on it moves, lays out and restyles nothing.

const RADIUS = 2.8;
const RADIUS_COMPACT = 2.2;

let graph = null;
let view = null;
let colours = new Map();

/* ---- the part in view: measured when something moved, not for each picture ---- */

const moved = () => { view = null; };
const sizes = new ResizeObserver(moved);
addEventListener("resize", moved);
document.addEventListener("scroll", moved, { capture: true, passive: true });

/** Whether any of the drawing is in view. */
export function sees(drawn) {
  return Boolean(look(drawn).width);
}

function look(drawn) {
  if (drawn.graph !== graph) {
    graph = drawn.graph;
    colours = new Map();
    view = null;
    sizes.disconnect();
    sizes.observe(graph);
  }
  view ??= measure(drawn.graph);
  return view;
}

function measure(graph) {
  const canvas = graph.parentElement.querySelector(".dots");
  const whole = graph.getBoundingClientRect();
  const frame = (graph.closest(".graph-wrap") ?? graph).getBoundingClientRect();
  const left = Math.max(whole.left, frame.left, 0);
  const top = Math.max(whole.top, frame.top, 0);
  const width = Math.ceil(Math.max(Math.min(whole.right, frame.right, innerWidth) - left, 0));
  const height = Math.ceil(Math.max(Math.min(whole.bottom, frame.bottom, innerHeight) - top, 0));
  if (!width || !height) return { width: 0 };
  const density = devicePixelRatio;
  const scale = whole.width / Number(graph.dataset.width);
  const at = { left: left - whole.left, top: top - whole.top };
  Object.assign(canvas, { width: width * density, height: height * density });
  Object.assign(canvas.style, { left: `${at.left}px`, top: `${at.top}px`, width: `${width}px`, height: `${height}px` });
  const pen = canvas.getContext("2d");
  pen.setTransform(density * scale, 0, 0, density * scale, -at.left * density, -at.top * density);
  const [x, y] = [at.left / scale, at.top / scale];
  return { pen, width, x, y, across: width / scale, down: height / scale };
}

/* ---- colours: what the style sheets say, asked once for each edge and theme ---- */

const fade = () => { colours = new Map(); };
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", fade);
new MutationObserver(fade).observe(document.documentElement, { attributeFilter: ["data-theme"] });

/** What a token is at an element. */
export function colour(element, token) {
  const known = colours.get(element) ?? {};
  colours.set(element, known);
  known[token] ??= getComputedStyle(element).getPropertyValue(token);
  return known[token];
}

/* ---- painting ---- */

/** Paint these points instead of those before: `{x, y, colour}`. */
export function paint(drawn, points) {
  const { pen, x, y, across, down } = look(drawn);
  if (!pen) return;
  pen.clearRect(x, y, across, down);
  const radius = drawn.graph.classList.contains("is-compact") ? RADIUS_COMPACT : RADIUS;
  pen.strokeStyle = colour(drawn.graph, "--bg-screen");
  for (const point of points) {
    pen.fillStyle = point.colour;
    pen.beginPath();
    pen.arc(point.x, point.y, radius, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
  }
}
