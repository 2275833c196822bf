// A replay. Comes in: a speed, a place on the slider. Goes out: the server told of the speed, the stream begun anew at
// the place; the slider moved along while nobody holds it.

import { isModified } from "./actions.js";
import { greetWith, say } from "./connection.js";

const htmx = globalThis.htmx;
const player = () => document.querySelector("[data-player]");
let held = false;

greetWith(() => ({ speed: player()?.dataset.speed ?? "" }));

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-play-at]");
  if (!link || isModified(event)) return;
  event.preventDefault();
  const speed = link.dataset.playAt;
  for (const other of document.querySelectorAll("[data-play-at]")) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  player().dataset.speed = speed;
  player().elements.speed.value = speed;
  say({ action: "speed", speed });
});

/* ---- the place ---- */

document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-seek]")) held = true;
});

document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-seek]")) return;
  const asked = new URLSearchParams(new FormData(player()));
  htmx.ajax("GET", `${player().action}?${asked}`, { target: "#live", swap: "outerHTML" }).then(() => {
    held = false;
    htmx.trigger("#graph-panel", "refresh");
  });
});

document.addEventListener("htmx:wsAfterMessage", () => {
  const seq = document.getElementById("replay-state")?.dataset.seq;
  const seek = document.querySelector("[data-seek]");
  if (seq && seek && !held) seek.value = seq;
});
