// Comes in: focus, and rows that come and go. Goes out: one tab stop in the stream (the selected row, else the first
// one; links in rows are reached from the row), and focus that stays with its row, or near it when the row is gone.

import { rowOf, select, selectedRow, visibleRows } from "./rows.js";

let focused = "";

const stream = () => document.getElementById("stream");

function arrange(within) {
  for (const link of within.querySelectorAll(".row a:not([tabindex])")) link.tabIndex = -1;
}

function keepTabStop() {
  const here = stream();
  if (!here) return;
  const stop = selectedRow() ?? firstRow(here);
  here.tabIndex = stop ? -1 : 0;
  if (!stop || stop.tabIndex === 0) return;
  for (const other of here.querySelectorAll('.row[tabindex="0"]')) other.tabIndex = -1;
  stop.tabIndex = 0;
}

/** The topmost row; asking only for it is cheap, and it is never hidden. */
function firstRow(here) {
  return here.querySelector(".row[role=row]");
}

/** Give the focus back to its row when a swap took it away. */
function keepFocus() {
  keepTabStop();
  if (!focused || document.activeElement !== document.body) return;
  const row = rowOf(focused) ?? visibleRows()[0] ?? stream();
  row?.focus({ preventScroll: true });
}

document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("#stream .row[role=row]");
  focused = row?.dataset.key ?? "";
  // Who tabs to a row reads it: it must stay, and so must its place.
  if (row && row !== selectedRow()) select(row, { focus: false, shows: false });
  keepTabStop();
});

// Whoever presses elsewhere wants the focus to leave.
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest?.("#stream")) focused = "";
});

document.addEventListener("htmx:wsAfterMessage", () => {
  const newest = document.querySelector("#rows > .batch");
  if (newest) arrange(newest);
  keepFocus();
});
document.addEventListener("htmx:afterSettle", (event) => {
  arrange(event.target);
  keepFocus();
});
arrange(document);
keepTabStop();
