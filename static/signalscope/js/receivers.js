// The receivers' page. Comes in: clicks on twists, keys, the journal's newest seq. Goes out: rows unfolded in place and
// folded, the focus moved from row to row, the filter focused, new figures offered. Without it every twist is a plain link, and the toolbar a plain form.

import { isModified } from "./actions.js";

const htmx = globalThis.htmx;

const twists = () => [...document.querySelectorAll(".regs .twist")];
const isOpen = (twist) => twist.getAttribute("aria-expanded") === "true";
const more = (twist) => document.getElementById(`more-${twist.closest("tr").id.slice(2)}`);

/** The address of the page with this row unfolded, or with none. */
function address(twist) {
  const url = new URL(location.href);
  if (twist) url.searchParams.set("open", twist.closest("tr").id.slice(2));
  else url.searchParams.delete("open");
  url.hash = "";
  return url;
}

function turn(twist, open) {
  if (isOpen(twist) === open) return;
  twist.setAttribute("aria-expanded", String(open));
  twist.closest("tr").classList.toggle("is-open", open);
  history.replaceState(history.state, "", address(open ? twist : null));
  more(twist)?.remove();
  if (open) fetchMore(twist);
}

function fetchMore(twist) {
  htmx.ajax("GET", twist.dataset.details, { source: twist, target: twist.closest("tr"), swap: "afterend" })
    .then(() => { if (!isOpen(twist)) more(twist)?.remove(); })
    .catch(() => {});
}

document.addEventListener("click", (event) => {
  const twist = event.target.closest?.(".regs .twist");
  if (!twist || isModified(event)) return;
  event.preventDefault();
  turn(twist, !isOpen(twist));
});

/* ---- new figures are offered and not put in: rows would change places under a reader's eyes ---- */

const count = (element) => Number(element?.textContent.replace(/\D/g, ""));

document.addEventListener("htmx:wsAfterMessage", () => {
  const shown = Number(document.getElementById("roster")?.dataset.seq);
  const offer = document.querySelector("#refresh .when-new");
  if (offer && !offer.textContent && count(document.getElementById("seq")) > shown) offer.textContent = "New figures";
});

let scrolled = null;

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.requestConfig.elt.id === "refresh") scrolled = document.querySelector(".tablewrap").scrollTop;
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (scrolled !== null && detail.target.id === "roster") document.querySelector(".tablewrap").scrollTop = scrolled;
  scrolled = null;
});

/* ---- keys: the row with the focus is the selected one ---- */

function current() {
  const row = document.activeElement?.closest(".regs tr");
  return (row?.matches(".more") ? row.previousElementSibling : row)?.querySelector(".twist");
}

function move(by) {
  const all = twists();
  const at = all.indexOf(current());
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
  next?.focus({ preventScroll: true });
  next?.closest("tr").scrollIntoView({ block: "nearest" });
}

const keys = {
  "/": () => document.getElementById("find").focus(),
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  ArrowRight: () => current() && turn(current(), true),
  ArrowLeft: () => current() && turn(current(), false),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
  if (event.target.closest("input, select, textarea, dialog") || document.querySelector("dialog[open]")) return;
  // Source and table scroll by the arrows; rows are moved by them from a row on.
  if (event.key.startsWith("Arrow") && !event.target.closest(".regs .reg")) return;
  const known = keys[event.key];
  if (!known) return;
  event.preventDefault();
  known();
});
