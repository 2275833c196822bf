// Comes in: clicks on rows. Goes out: traces unfolded and folded, one row selected, and the server told which rows
// must stay. Rows carry no htmx attributes of their own: hundreds pass by in a second, few are ever clicked.

import { isModified, on } from "./actions.js";
import { greetWith, say } from "./connection.js";
import { inspect, close } from "./inspector.js";
import { hold } from "./stream.js";

const REFRESH_MS = 1000;
const MOST_KEPT = 30;
const htmx = globalThis.htmx;

let selected = "";

const stream = () => document.getElementById("stream");
const level = (row) => Number(row.getAttribute("aria-level"));
const query = () => document.getElementById("live")?.dataset.query ?? "";

/* ---- unfolding a trace ---- */

function fetchRows(trace) {
  const row = trace.querySelector(":scope > .row-origin");
  const rows = trace.querySelector(":scope > .trace-rows");
  rows.dataset.version = trace.querySelector(".cells")?.dataset.version ?? "";
  rows.dataset.at = String(performance.now());
  const values = query() ? { q: query() } : {};
  return htmx.ajax("GET", row.dataset.href, { target: rows, swap: "innerHTML", values });
}

function unfold(row) {
  if (row.getAttribute("aria-expanded") === "true") return;
  row.setAttribute("aria-expanded", "true");
  const trace = row.closest(".trace");
  trace.classList.add("is-open");
  hold();
  keep();
  fetchRows(trace).then(refocus);
}

function foldTrace(row) {
  row.setAttribute("aria-expanded", "false");
  const trace = row.closest(".trace");
  trace.classList.remove("is-open");
  trace.querySelector(":scope > .trace-rows").replaceChildren();
  keep();
}

/* ---- folding inside a trace: a row hides the deeper rows that follow it ---- */

function fold(row, open) {
  if (!row.hasAttribute("aria-expanded")) return;
  if (row.matches(".row-origin")) {
    (open ? unfold : foldTrace)(row);
    return;
  }
  row.setAttribute("aria-expanded", String(open));
  const depth = level(row);
  let closedAt = Infinity;
  for (let next = row.nextElementSibling; next && level(next) > depth; next = next.nextElementSibling) {
    const deep = level(next);
    if (deep <= closedAt) closedAt = Infinity;
    next.hidden = !open || deep > closedAt;
    if (closedAt === Infinity && next.getAttribute("aria-expanded") === "false") closedAt = deep;
  }
}

/* ---- selection ---- */

/** The rows a reader can see, in order. */
export function visibleRows() {
  return [...(stream()?.querySelectorAll(".row[role=row]") ?? [])].filter((row) => row.offsetParent);
}

/** The selected row, if it is there. */
export function selectedRow() {
  return selected ? stream()?.querySelector(`.row[data-key="${CSS.escape(selected)}"]`) : null;
}

/** Select a row (or none), bring it into view, and show its emission beside the stream. */
export function select(row, { focus = true } = {}) {
  for (const other of document.querySelectorAll(".row.is-selected")) mark(other, false);
  selected = row?.dataset.key ?? "";
  if (!row) {
    keep();
    return;
  }
  hold();
  mark(row, true);
  if (focus) row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
  keep();
  if (row.dataset.href && !row.matches(".row-origin")) {
    // Where the sheet covers the stream, it may cover the row that it belongs to.
    inspect(row.dataset.href)?.then(() => row.scrollIntoView({ block: "nearest" }));
  }
}

function mark(row, chosen) {
  row.classList.toggle("is-selected", chosen);
  row.tabIndex = chosen ? 0 : -1;
  if (chosen) row.setAttribute("aria-selected", "true");
  else row.removeAttribute("aria-selected");
}

/** Move the selection by so many rows. */
export function move(by) {
  const rows = visibleRows();
  const at = rows.indexOf(selectedRow());
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1);
  if (rows[next]) select(rows[next]);
}

/** Fold or unfold the selected row; folding what is folded goes to the row around it. */
export function turn(open) {
  const row = selectedRow();
  if (!row) return;
  if (row.getAttribute("aria-expanded") === String(!open)) fold(row, open);
  else if (!open) {
    let around = row.previousElementSibling;
    while (around && level(around) >= level(row)) around = around.previousElementSibling;
    select(around ?? row.closest(".trace")?.querySelector(":scope > .row-origin") ?? row);
  }
}

/** Do with the selected row what a click does. */
export function enter() {
  const row = selectedRow();
  if (row) press(row);
}

/** Go to the page of the selected row's trace. */
export function openPage() {
  const trace = selectedRow()?.closest(".trace");
  const link = trace?.querySelector(":scope > .row-origin a.text");
  if (link) location.assign(link.href);
}

/** Select nothing, and close the inspector. */
export function deselect() {
  select(null);
  close();
}

on("deselect", deselect);

function press(row) {
  if (row.matches(".row-origin, .row-quiet")) fold(row, row.getAttribute("aria-expanded") !== "true");
  select(row);
}

document.addEventListener("click", (event) => {
  const row = event.target.closest?.(".stream .row[role=row]");
  if (!row || isModified(event)) return;
  const link = event.target.closest("a, button");
  if (link?.matches(".twist")) fold(row, row.getAttribute("aria-expanded") !== "true");
  else if (link && !link.matches(".sig, .who")) return;
  else if (getSelection()?.isCollapsed ?? true) press(row);
  else return;
  event.preventDefault();
});

/* ---- what must stay, and what has changed ---- */

function kept() {
  const open = [...document.querySelectorAll(".trace.is-open")].map((trace) => trace.dataset.trace);
  const chosen = selectedRow();
  if (chosen) open.push(chosen.closest(".trace")?.dataset.trace ?? selected);
  return [...new Set(open)].slice(0, MOST_KEPT).join(",");
}

function keep() {
  say({ action: "keep", ids: kept() });
}

greetWith(() => ({ kept: kept() }));

function refocus() {
  const row = selectedRow();
  if (row) mark(row, true);
}

function refresh() {
  for (const trace of document.querySelectorAll(".trace.is-open")) {
    const rows = trace.querySelector(":scope > .trace-rows");
    const version = trace.querySelector(".cells")?.dataset.version ?? "";
    const rested = performance.now() - Number(rows.dataset.at ?? 0) > REFRESH_MS;
    const untouched = !rows.querySelector('.row:not(.row-quiet)[aria-expanded="false"], .row-quiet[aria-expanded="true"]');
    if (rows.dataset.version && rows.dataset.version !== version && rested && untouched) fetchRows(trace).then(refocus);
  }
}

setInterval(() => {
  if (!document.hidden) refresh();
}, REFRESH_MS);

/* ---- one tab stop: the selected row, else the first one; with a script the links are reached from the row ---- */

function arrange(within) {
  for (const link of within.querySelectorAll(".row a:not([tabindex])")) link.tabIndex = -1;
}

document.addEventListener("htmx:wsAfterMessage", () => {
  const newest = document.querySelector("#rows > .batch");
  if (newest) arrange(newest);
});
document.addEventListener("htmx:afterSettle", (event) => arrange(event.target));
document.addEventListener("focusin", (event) => {
  if (event.target.id === "stream") (selectedRow() ?? visibleRows()[0])?.focus({ preventScroll: true });
});
if (stream()) {
  stream().tabIndex = 0;
  arrange(document);
}
