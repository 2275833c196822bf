// Comes in: where the reader is. Goes out: hold while something is read, release at the top; pause, clear, panes.

import { act, on } from "./actions.js";
import { greetWith, isOpen, say } from "./connection.js";

const TOP = 8;
let reading = false;

/** Let new rows wait: the reader looks at something that must not move. */
export function hold() {
  // Only a stream has rows that wait: the page of one trace has not.
  if (reading || !document.getElementById("pill")) return;
  reading = true;
  say({ action: "hold" });
}

/** Show what waits, and everything that comes from now on. */
export function release() {
  if (!reading) return;
  reading = false;
  say({ action: "release" });
}

document.addEventListener(
  "scroll",
  (event) => {
    if (event.target.id !== "stream") return;
    if (event.target.scrollTop > TOP) hold();
    else release();
  },
  { capture: true, passive: true },
);

on("to-tail", () => {
  const newest = document.querySelector("[data-newest]");
  if (newest) {
    newest.click();
    return;
  }
  const stream = document.getElementById("stream");
  if (stream) stream.scrollTop = 0;
  release();
});

/* ---- pause and clear ---- */

const isPaused = () => document.getElementById("pause")?.getAttribute("aria-pressed") === "true";

on("pause", () => {
  if (!document.getElementById("pause")) return;
  if (isOpen()) say({ action: isPaused() ? "resume" : "pause" });
  // Without a connection the button alone remembers, and the next hello tells.
  else document.getElementById("pause")?.setAttribute("aria-pressed", String(!isPaused()));
});

on("clear", () => {
  reading = false;
  say({ action: "release" });
  say({ action: "clear" });
});

const roll = () => document.getElementById("processes")?.dataset.roll ?? "";

greetWith(() => ({ paused: isPaused() ? "1" : "", held: reading ? "1" : "", roll: roll() }));

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id === "live") reading = false;
});

/* ---- stream or graph, where there is room for one ---- */

on("pane", (button) => {
  const pane = button?.dataset.shows ?? "stream";
  document.getElementById("main").dataset.pane = pane;
  for (const other of document.querySelectorAll('[data-action="pane"]')) {
    other.setAttribute("aria-pressed", String(other.dataset.shows === pane));
  }
});

/* ---- the moment a reader jumped to ---- */

function goThere() {
  const here = document.getElementById("here");
  here?.focus({ preventScroll: true });
  here?.scrollIntoView({ block: "center" });
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "live") goThere();
});
goThere();

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "live" || event.detail.elt?.id === "live") act("pane");
});
