// Comes in: keys pressed outside of text fields. Goes out: what the key sheet promises, on the pages that have it.

import { act, on } from "./actions.js";

const GO_MS = 900;
const PAGES = { l: "Live", g: "Graph", r: "Receivers", h: "History" };
const EDITOR = "a[data-editor]";
const live = document.getElementById("stream") ? import("./rows.js") : null;

let wentAt = -Infinity;

const press = (selector) => document.querySelector(selector)?.click();
const rows = (use) => live?.then(use);
const menu = () => import("./menu.js").then(({ openMenu }) => openMenu());

const to = (place) => rows(({ visibleRows, select }) => {
  const row = visibleRows().at(place);
  if (row) select(row);
});

on("keys", () => document.getElementById("keys")?.showModal());

/** Open the place in the source that the reader is at: of the row with the focus, else of what is selected. */
function edit() {
  const near = document.activeElement?.closest("tr, .row")?.querySelector(EDITOR);
  (near ?? document.querySelector(`.row.is-selected ${EDITOR}, #inspector ${EDITOR}, #node ${EDITOR}`))?.click();
}

const everywhere = {
  "?": () => act("keys"),
  g: (event) => { wentAt = event.timeStamp; },
  e: edit,
};

const onLive = {
  " ": () => act("pause"),
  "/": () => document.getElementById("query")?.focus(),
  j: () => rows(({ move }) => move(1)),
  k: () => rows(({ move }) => move(-1)),
  ArrowDown: () => rows(({ move }) => move(1)),
  ArrowUp: () => rows(({ move }) => move(-1)),
  ArrowLeft: () => rows(({ turn }) => turn(false)),
  ArrowRight: () => rows(({ turn }) => turn(true)),
  Enter: () => rows(({ enter }) => enter()),
  Escape: () => rows(({ deselect }) => deselect()),
  o: () => rows(({ openPage }) => openPage()),
  Home: () => to(0),
  End: () => to(-1),
  m: () => menu(),
  ContextMenu: () => menu(),
  n: () => act("to-tail"),
  t: () => document.getElementById("jump")?.select(),
  x: () => act("axis"),
  c: () => press('[data-action="clear"]'),
  f: () => press("[data-layout-link]:not([aria-current])"),
};

function go(letter) {
  const label = PAGES[letter];
  const link = label && [...document.querySelectorAll(".nav a")].find((one) => one.textContent.trim() === label);
  if (link) link.click();
  return Boolean(link);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
  const { target } = event;
  // With Caps Lock on, a letter is the same key.
  const key = event.key.length === 1 && !event.shiftKey ? event.key.toLowerCase() : event.key;
  if (target.closest("input, select, textarea, [contenteditable]")) {
    if (key === "Escape") target.blur();
    return;
  }
  if (document.querySelector("dialog[open], :popover-open")) return;
  const control = target.closest("a, button, summary");
  if ([" ", "Enter"].includes(key) && control) {
    // A link that acts as a button answers to the space bar, as buttons do.
    if (key === " " && control.matches('a[role="button"]') && control instanceof HTMLElement) {
      event.preventDefault();
      control.click();
    }
    return;
  }
  if (["ArrowDown", "ArrowUp", "Home", "End"].includes(key) && target.closest(".panel-body, .graph-wrap, dialog")) return;
  if (event.timeStamp - wentAt < GO_MS && go(key)) {
    event.preventDefault();
    return;
  }
  const known = everywhere[key] ?? (live ? onLive[key] : null);
  if (known) {
    event.preventDefault();
    known(event);
  } else if (live && /^[1-9]$/.test(key)) {
    press(`[data-channel="${key}"]`);
  }
});
