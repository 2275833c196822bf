// Comes in: an emission's address. Goes out: its sheet beside the stream, with tabs, and links that stay in place.

import { isModified } from "./actions.js";

const htmx = globalThis.htmx;

/** A stream that links change in place. Those of a replay lead to the live page. */
export const CHANGED_IN_PLACE = ".live-part:not(:has([data-player]))";

let shown = "";

const panel = () => document.getElementById("inspector");

/** Show the emission at `address` (with `#call-1`: that call of it); the promise is kept once it is there. */
export function inspect(address) {
  const url = new URL(address, location.href);
  const call = url.hash;
  url.hash = "";
  if (!panel()) {
    location.assign(address);
    return null;
  }
  const target = url.pathname + url.search;
  if (shown === target && panel().childElementCount) {
    point(call);
    return null;
  }
  shown = target;
  return htmx.ajax("GET", target, { target: panel(), source: panel(), swap: "innerHTML" }).then(() => point(call));
}

/** Close the sheet. */
export function close() {
  shown = "";
  panel()?.replaceChildren();
}

function point(hash) {
  for (const other of document.querySelectorAll(".ran > .is-pointed")) other.classList.remove("is-pointed");
  const call = hash && panel().querySelector(`.ran > #${CSS.escape(hash.slice(1))}`);
  if (!call) return;
  call.classList.add("is-pointed");
  call.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", (event) => {
  if (isModified(event)) return;
  const link = event.target.closest?.("a");
  if (!link) return;
  if (link.matches(".tabs a")) {
    event.preventDefault();
    tab(link);
  } else if (link.matches("#inspector [data-inspect]")) {
    event.preventDefault();
    inspect(link.href);
  } else if (changesStream(link)) {
    event.preventDefault();
    filter(link);
  }
});

function tab(link) {
  const sheet = link.closest(".inspector");
  for (const other of sheet.querySelectorAll(".tabs a")) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  const section = sheet.querySelector(link.hash);
  if (section?.firstElementChild?.matches("details")) section.firstElementChild.open = true;
  section?.scrollIntoView({ block: "start" });
}

function changesStream(link) {
  const live = document.getElementById("live");
  if (link.matches("#inspector [data-filter]")) return live?.matches(CHANGED_IN_PLACE);
  return link.matches("#graph-panel .node[href]") && live?.matches(".live-part");
}

/** Show the live part of the page with another filter; the answer says what the address becomes. */
export function filter(link) {
  const address = typeof link.href === "string" ? link.href : link.href.baseVal;
  htmx.ajax("GET", address, { target: "#live", swap: "outerHTML" }).then(() => htmx.trigger("#graph-panel", "refresh"));
}
