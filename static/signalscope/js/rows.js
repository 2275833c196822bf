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
  fetchRows(trace).then(remark);
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

/** The row with this key, if it is there. */
export function rowOf(key) {
  return key ? stream()?.querySelector(`.row[data-key="${CSS.escape(key)}"]`) ?? null : null;
}

/** The selected row, if it is there. */
export function selectedRow() {
  return rowOf(selected);
}

/** Select a row (or none) and bring it into view; `shows`: with its emission beside the stream. */
export function select(row, { focus = true, shows = true } = {}) {
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
  if (shows && row.dataset.href && !row.matches(".row-origin")) {
    // Where the sheet covers the stream, it may cover the row that it belongs to.
    inspect(row.dataset.href)?.then(() => row.scrollIntoView({ block: "nearest" }));
  }
}

function mark(row, chosen) {
  row.classList.toggle("is-selected", chosen);
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

/** Unfold the selected row, or go to the first row inside; fold it, or go to the row around it. */
export function turn(open) {
  const row = selectedRow();
  if (!row) return;
  const expanded = row.getAttribute("aria-expanded");
  if (expanded === String(!open)) fold(row, open);
  else if (open && expanded) move(1);
  else if (!open) select(around(row) ?? row);
}

function around(row) {
  let before = row.previousElementSibling;
  while (before && level(before) >= level(row)) before = before.previousElementSibling;
  return before ?? row.closest(".trace")?.querySelector(":scope > .row-origin");
}

/** Do with the selected row what a click does. */
export function enter() {
  const row = selectedRow();
  if (row) press(row);
}

/** Go to the page of the selected row's trace. */
export function openPage() {
  const row = selectedRow();
  const link = row?.closest(".trace")?.querySelector(":scope > .row-origin a.text") ?? row?.querySelector(".c-origin a");
  if (link) location.assign(link.href);
}

/** Select nothing, and close the inspector. */
export function deselect() {
  select(null);
  close();
}

on("deselect", deselect);

function press(row) {
  const link = row.matches(".row-gap, .row-more") && row.querySelector(".link");
  if (row.matches(".row-origin, .row-quiet")) fold(row, row.getAttribute("aria-expanded") !== "true");
  select(row);
  if (link) link.click();
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
  if (chosen) open.unshift(chosen.closest(".trace")?.dataset.trace ?? selected);
  return [...new Set(open)].slice(0, MOST_KEPT).join(",");
}

function keep() {
  say({ action: "keep", ids: kept() });
}

greetWith(() => ({ kept: kept() }));

function remark() {
  const row = selectedRow();
  if (row) mark(row, true);
}

function refresh() {
  for (const trace of document.querySelectorAll(".trace.is-open")) {
    const rows = trace.querySelector(":scope > .trace-rows");
    const version = trace.querySelector(".cells")?.dataset.version ?? "";
    const rested = performance.now() - Number(rows.dataset.at ?? 0) > REFRESH_MS;
    const untouched = !rows.querySelector('.row:not(.row-quiet)[aria-expanded="false"], .row-quiet[aria-expanded="true"]');
    if (rows.dataset.version && rows.dataset.version !== version && rested && untouched) fetchRows(trace).then(remark);
  }
}

setInterval(() => {
  if (!document.hidden) refresh();
}, REFRESH_MS);
