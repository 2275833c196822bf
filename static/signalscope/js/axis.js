// Comes in: which rows are in view, and whether the reader wants each trace (or emission) on an axis of its own or all
// of them on the clock. Goes out: where each row's bars lie in its lane, and the ruler above them.

import { on } from "./actions.js";
import { clock } from "./times.js";

const MICRO = 1;
const MILLI = 1e3;
const SECOND = 1e6;
const MINUTE = 60e6;
const HOUR = 3600e6;
const DIVISIONS = 10;
const NARROWEST = 3;
const TIMED = ".trace, .row-flat";
const STEPS = [
  ...[MICRO, 10, 100, MILLI, 10 * MILLI, 100 * MILLI, SECOND].flatMap((unit) => [unit, 2 * unit, 5 * unit]),
  ...[10, 15, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 6, 12, 24, 48, 168, 720, 8766].map((hours) => hours * HOUR),
];

let due = 0;

const axis = () => document.getElementById("axis");

/* ---- the reader's choice, one for each layout ---- */

const key = () => `signalscope.axis.${axis().dataset.of}`;

/** Emissions alone say little on an axis of their own; a trace says most there. */
function choice() {
  const usual = axis().dataset.of === "emission" ? "clock" : "own";
  try {
    return localStorage.getItem(key()) ?? usual;
  } catch {
    return axis().dataset.chosen ?? usual;
  }
}

function choose(name) {
  axis().dataset.chosen = name;
  try {
    localStorage.setItem(key(), name);
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
  schedule();
}

on("axis", (button) => {
  if (axis()) choose(button?.dataset.shows ?? (choice() === "own" ? "clock" : "own"));
});

/* ---- what is in view ---- */

/** Whether an element lies above the stream's window (-1), in it (0) or below (1). */
function side(element, { top, bottom }) {
  const place = element.getBoundingClientRect();
  if (place.bottom <= top) return -1;
  return place.top >= bottom ? 1 : 0;
}

/** What lies in the window, of elements in the order of the page. */
function* within(elements, window) {
  for (const element of elements) {
    const where = side(element, window);
    if (where > 0) return;
    if (where === 0) yield element;
  }
}

function inView() {
  const stream = document.getElementById("stream");
  const window = stream.getBoundingClientRect();
  const found = [];
  // Batch by batch: of hundreds of rows, only those near the window are asked where they are.
  for (const batch of within(stream.querySelectorAll(".rows > *, .batch"), window)) {
    const rows = batch.matches(TIMED) ? [batch] : within(batch.querySelectorAll(TIMED), window);
    for (const element of rows) {
      const { at, took } = (element.matches(".trace") ? element.querySelector(".cells") : element).dataset;
      found.push({ element, from: Number(at), took: Number(took) });
    }
  }
  return found;
}

/** Ten divisions, each a round length, the first beginning at a multiple of it, around all of them. */
function around(spans) {
  const from = Math.min(...spans.map((span) => span.from));
  const to = Math.max(...spans.map((span) => span.from + span.took));
  for (const step of STEPS) {
    const start = Math.floor(from / step) * step;
    if (start + DIVISIONS * step >= to) return { start, step };
  }
  return { start: from, step: (to - from) / DIVISIONS };
}

function lasting(us) {
  const [unit, name] = us < MILLI ? [MICRO, "µs"] : us < SECOND ? [MILLI, "ms"] : us < MINUTE ? [SECOND, "s"] : us < HOUR ? [MINUTE, "min"] : [HOUR, "h"];
  return `${Number((us / unit).toPrecision(3))} ${name}`;
}

/* ---- drawing ---- */

function place({ element, from, took }, { start, step }, least) {
  const percent = (DIVISIONS * step) / 100;
  const width = Math.max(took / percent, least);
  const x = Math.min((from - start) / percent, 100 - width);
  for (const bars of element.querySelectorAll(".on-axis")) {
    set(bars, "x", `${x.toFixed(2)}%`);
    set(bars, "width", `${width.toFixed(2)}%`);
  }
}

/** Set what differs: writing an attribute costs, also when it stays the same. */
function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function rule(start, each, end, said) {
  const ruler = axis().querySelector(".ruler");
  const texts = { start, each, end };
  for (const part of ruler.children) {
    if (part.textContent !== texts[part.dataset.ruler]) part.textContent = texts[part.dataset.ruler];
  }
  set(ruler, "title", said);
}

function drawClock(spans) {
  const { start, step } = around(spans);
  // As wide as the lanes below it; a lane that is not yet in view would be laid out only to be measured.
  const least = (100 * NARROWEST) / (axis().clientWidth || 100);
  for (const span of spans) place(span, { start, step }, least);
  const digits = step >= SECOND ? 0 : step >= 100 * MILLI ? 1 : 3;
  const end = `+${lasting(DIVISIONS * step)}`;
  rule(clock(new Date(start / MILLI), digits), `${lasting(step)}/div`, end, `Ten divisions of ${lasting(step)}, around the rows in view`);
}

function drawOwn(spans) {
  for (const bars of document.querySelectorAll("#stream .on-axis[width]")) {
    bars.removeAttribute("x");
    bars.removeAttribute("width");
  }
  const open = spans.find(({ element }) => element.matches(".is-open"));
  if (!open) {
    const one = axis().dataset.of;
    rule("", `10 divisions = one ${one}`, "", `Each ${one} has an axis of its own, as long as it took`);
    return;
  }
  rule("0", `${lasting(open.took / DIVISIONS)}/div`, lasting(open.took), "The axis of the open trace, from its beginning to its end");
}

function draw() {
  due = 0;
  if (!axis() || !document.getElementById("stream")) return;
  const chosen = choice();
  for (const button of axis().querySelectorAll("[data-shows]")) {
    set(button, "aria-pressed", String(button.dataset.shows === chosen));
  }
  const spans = inView();
  if (chosen === "clock" && spans.length) drawClock(spans);
  else drawOwn(spans);
}

/** Draw with the next picture: however many reasons there are, once. */
function schedule() {
  due ||= requestAnimationFrame(draw);
}

document.addEventListener("scroll", (event) => {
  if (event.target.id === "stream") schedule();
}, { capture: true, passive: true });
addEventListener("resize", schedule);
document.addEventListener("htmx:wsAfterMessage", schedule);
document.addEventListener("htmx:afterSettle", schedule);
schedule();
