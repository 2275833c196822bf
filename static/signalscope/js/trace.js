// The trace page. Comes in: clicks, a slider, fresh bodies while the trace is open. Goes out: rows folded and selected
// as they were, a copied link, the slider's figure while it moves.

import { on } from "./actions.js";
import { copied } from "./clipboard.js";
import "./completion.js";
import "./focus.js";
import "./inspector.js";
import "./menu.js";
import { selectedRow } from "./rows.js";

const FOLDABLE = '.row:not(.row-quiet)[aria-expanded="true"]';
const COPIED_MS = 2000;

const body = () => document.getElementById("trace-body");
const folded = () => [...body().querySelectorAll('.row:not(.row-quiet)[aria-expanded="false"], .row-quiet[aria-expanded="true"]')];
const turn = (row) => row?.querySelector(".twist")?.click();

/* ---- what only a script can do is shown by it ---- */

function reveal() {
  for (const button of body().querySelectorAll("button[data-action][hidden]")) button.hidden = false;
}

on("copy-link", async (button) => {
  const text = button.querySelector(".txt");
  const label = text.textContent;
  text.textContent = (await copied(location.href)) ? "Copied" : "Could not copy";
  setTimeout(() => { text.textContent = label; }, COPIED_MS);
});

on("fold-all", () => {
  for (const row of [...body().querySelectorAll(FOLDABLE)].reverse()) turn(row);
});

document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-min-duration]")) event.target.form.querySelector("output").textContent = `${event.target.value} ms`;
});

/* ---- a fresh body: the same rows stay folded, the same one selected ---- */

let kept = [];

document.addEventListener("htmx:beforeRequest", (event) => {
  // While nobody looks, or further rows were fetched below, an open trace is not read again.
  const polls = event.detail.elt.id === "trace-body";
  const extended = body()?.querySelectorAll("#rows > .row-more ~ .row, #rows.is-extended").length > 0;
  if (polls && (document.hidden || extended)) event.preventDefault();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id === "trace-body") kept = folded().map((row) => row.dataset.key);
  else if (event.detail.target.matches(".row-more")) document.getElementById("rows").classList.add("is-extended");
});

document.addEventListener("htmx:afterSettle", () => {
  if (!body()) return;
  reveal();
  for (const key of kept) turn(row(key));
  kept = [];
  mark(selectedRow() ?? row(document.getElementById("inspector").dataset.chosen));
});

const row = (key) => key && body().querySelector(`.row[data-key="${CSS.escape(key)}"]`);

/** Show which row the inspector is about. */
function mark(chosen) {
  if (!chosen || body().querySelector(".row.is-selected")) return;
  chosen.classList.add("is-selected");
  chosen.setAttribute("aria-selected", "true");
}

reveal();
mark(row(document.getElementById("inspector").dataset.chosen));

// What is shown at first may lie far below. Where the page itself scrolls, its head is worth more.
const scroller = document.getElementById("stream");
const first = body().querySelector(".row.is-selected");
if (first && scroller.clientHeight < scroller.scrollHeight) scroller.scrollTop = first.offsetTop - scroller.clientHeight / 2;
