// Comes in: a row that stands for others ("+12 more") and is opened. Goes out: those rows in its place, none of them
// twice, the focus at the first of them, and the server told that they are there.

import { say } from "./connection.js";
import { select } from "./rows.js";
import { hold } from "./stream.js";

const ROWS = ".trace, .row-flat, .row-gap[data-key]";

let opening = null;

const keyOf = (row) => row.dataset.trace ?? row.dataset.key;
const own = (batch) => [...batch.querySelectorAll(":scope > .trace")].map((trace) => trace.dataset.trace);

document.addEventListener("htmx:beforeSwap", (event) => {
  const row = event.detail.target;
  if (!row.matches?.("#stream .row-gap")) return;
  hold();
  opening = {
    batch: row.closest(".batch"),
    before: row.previousElementSibling,
    focused: row.contains(document.activeElement),
    there: new Set([...document.querySelectorAll(`#stream :is(${ROWS})`)].filter((other) => other !== row)),
  };
});

document.addEventListener("htmx:afterSettle", () => {
  if (!opening) return;
  const { batch, before, focused, there } = opening;
  opening = null;
  const keys = new Set([...there].filter((row) => row.isConnected).map(keyOf));
  for (const row of batch.querySelectorAll(ROWS)) {
    // What went on since then stands further up already.
    if (!there.has(row) && keys.has(keyOf(row))) row.remove();
  }
  if (batch.id) say({ action: "opened", shown: `${batch.id}=${own(batch).join(",")}` });
  const first = before ? before.nextElementSibling : batch.firstElementChild;
  const row = first?.matches(".trace") ? first.querySelector(".row-origin") : first;
  if (focused && row) select(row, { shows: false });
});
