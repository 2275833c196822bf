// Comes in: the button at a row, or a key. Goes out: the row's menu, which the server fills: links that filter the
// stream in place, lead to a page, or are copied.

import { isModified } from "./actions.js";
import { copied } from "./clipboard.js";
import { CHANGED_IN_PLACE, filter } from "./inspector.js";
import { select, selectedRow } from "./rows.js";

const MARGIN = 8;
const COPIED_MS = 900;
const htmx = globalThis.htmx;

let owner = null;
let sheet = null;

/** The one menu of the page, made when it is first asked for. */
function menu() {
  if (!sheet?.isConnected) {
    sheet = document.createElement("div");
    sheet.id = "row-menu";
    sheet.popover = "auto";
    sheet.addEventListener("toggle", ({ newState }) => {
      if (newState === "closed") closed();
    });
    document.body.append(sheet);
  }
  return sheet;
}

function closed() {
  const within = sheet.contains(document.activeElement) || document.activeElement === document.body;
  if (within && owner?.isConnected) owner.focus({ preventScroll: true });
  owner?.removeAttribute("data-menu-open");
  owner = null;
}

/** Open the menu of a row. */
export function openMenu(chosen = selectedRow()) {
  // A row that stands for several has none of its own; what can be done is then about its trace.
  const row = chosen?.dataset.href ? chosen : chosen?.closest(".trace")?.querySelector(":scope > .row-origin");
  if (!row) return;
  select(row, { shows: false });
  owner = row;
  row.dataset.menuOpen = "";
  const url = new URL(row.dataset.href, location.href);
  const live = document.getElementById("live");
  const values = { q: live?.dataset.query ?? "", layout: live?.dataset.layout ?? "" };
  const call = /^#call-(\d+)$/.exec(url.hash)?.[1];
  if (call) values.call = call;
  htmx.ajax("GET", `${url.pathname}menu/${url.search}`, { source: menu(), target: menu(), swap: "innerHTML", values }).then(() => {
    if (owner !== row) return;
    menu().showPopover();
    beside(row);
    items()[0]?.focus({ preventScroll: true });
  });
}

/** Put the menu below the row's button, or above it where there is no room. */
function beside(row) {
  const at = (row.querySelector(".row-menu") ?? row).getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = sheet;
  const below = at.bottom + height + MARGIN <= innerHeight;
  const top = below ? at.bottom : Math.max(at.top - height, MARGIN);
  sheet.style.setProperty("left", `${Math.max(Math.min(at.left, innerWidth - width - MARGIN), MARGIN)}px`);
  sheet.style.setProperty("top", `${top}px`);
}

const items = () => [...(sheet?.querySelectorAll('[role="menuitem"]') ?? [])];

document.addEventListener("keydown", (event) => {
  if (!sheet?.matches(":popover-open")) return;
  const all = items();
  const at = all.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (next !== undefined) {
    event.preventDefault();
    all[(next + all.length) % all.length]?.focus();
  } else if (event.key === "Tab") {
    sheet.hidePopover();
  } else if (event.key === " ") {
    event.preventDefault();
    document.activeElement.closest("a")?.click();
  }
  // The rows' own keys rest while the menu is open; Escape closes it, as the browser does by itself.
  event.stopImmediatePropagation();
}, { capture: true });

async function copy(link) {
  const words = link.querySelector(".words");
  words.textContent = (await copied(link.href)) ? "Copied" : "Could not copy";
  setTimeout(() => sheet.hidePopover(), COPIED_MS);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.(".row-menu");
  if (button) {
    openMenu(button.closest(".row"));
    return;
  }
  const link = event.target.closest?.("#row-menu a");
  if (!link || isModified(event)) return;
  if (link.dataset.menu === "copy") {
    event.preventDefault();
    copy(link);
  } else if (link.dataset.menu === "filter" && document.getElementById("live")?.matches(CHANGED_IN_PLACE)) {
    event.preventDefault();
    sheet.hidePopover();
    filter(link);
  }
});
