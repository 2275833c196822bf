// Comes in: the websocket events of htmx. Goes out: the hello that says what the page shows, what the reader does,
// data-conn on the document, and the notice that counts down to the next attempt.

import { on } from "./actions.js";

const NEVER = 2 ** 31 - 1;
const FIRST_MS = 400;
const LONGEST_MS = 15000;
const MOST_ROWS = 900;
const FINAL = 4400;

const root = document.documentElement;
const greeters = [];
let socket = null;
let open = false;
let connecting = false;
let everOpen = false;
let attempts = 0;
let attemptAt = 0;
let timer = 0;
let confirmed = 0;

// htmx would wait up to a minute, and in a hidden tab as well: this module decides when to try again.
globalThis.htmx.config.wsReconnectDelay = () => NEVER;

/** Tell the server what the reader does: `{action: "pause"}`. Nothing is said while there is no connection. */
export function say(message) {
  if (open) socket.send(JSON.stringify(message));
}

/** Whether the server hears what is said. */
export function isOpen() {
  return open;
}

/** Let `greeter()` add its fields to every hello. */
export function greetWith(greeter) {
  greeters.push(greeter);
}

const token = () => document.getElementById("token")?.dataset ?? {};

function hello() {
  const { cursor, tally } = token();
  return Object.assign({ cursor, tally, shown: shown() }, ...greeters.map((greeter) => greeter()));
}

/** The batches on the page, newest first, each with the rows that it holds. */
function shown() {
  let rows = 0;
  const batches = [];
  for (const batch of document.querySelectorAll("#rows > .batch[id]")) {
    const held = [...batch.querySelectorAll(":scope > .trace, :scope > .row-flat")];
    rows += held.length;
    if (rows > MOST_ROWS) break;
    batches.push(`${batch.id}=${held.map((row) => row.dataset.trace ?? row.dataset.key).join(",")}`);
  }
  return batches.join(";");
}

/* ---- the states of the connection ---- */

function show(state) {
  root.dataset.conn = state;
  const notice = document.querySelector('[data-conn-notice="reconnecting"]');
  if (notice) notice.hidden = state !== "reconnecting";
}

document.addEventListener("htmx:wsConnecting", () => {
  clearTimeout(timer);
  open = false;
  connecting = true;
  if (!attempts) show(everOpen ? root.dataset.conn : "connecting");
});

document.addEventListener("htmx:wsOpen", (event) => {
  clearTimeout(timer);
  socket = event.detail.socketWrapper;
  open = everOpen = true;
  connecting = false;
  attempts = confirmed = 0;
  const ended = document.getElementById("ended");
  if (ended) ended.hidden = true;
  show("open");
  socket.send(JSON.stringify(hello()));
  if (document.hidden) say({ action: "hide" });
});

document.addEventListener("htmx:wsError", (event) => {
  socket ??= event.detail.socketWrapper.publicInterface;
});

document.addEventListener("htmx:wsClose", (event) => {
  open = connecting = false;
  const { code } = event.detail.event;
  if (code === 1000 || code >= FINAL) {
    show("closed");
    return;
  }
  attempts += 1;
  const wait = Math.min(FIRST_MS * 2 ** (attempts - 1), LONGEST_MS);
  attemptAt = Date.now() + wait * (0.5 + Math.random() / 2);
  show("reconnecting");
  count();
});

/* ---- trying again ---- */

function count() {
  clearTimeout(timer);
  const left = attemptAt - Date.now();
  if (document.hidden) return;
  if (left <= 0) {
    reconnect();
    return;
  }
  const notice = document.querySelector("[data-conn-text]");
  if (notice) notice.textContent = explain(Math.ceil(left / 1000));
  timer = setTimeout(count, Math.min(left, 1000));
}

function explain(seconds) {
  if (!everOpen && attempts > 2) {
    return `The server does not accept the websocket: is it routed in asgi.py, is this host in ALLOWED_HOSTS? Next attempt in ${seconds} s.`;
  }
  const seq = document.getElementById("seq")?.textContent;
  const upto = seq ? ` What you see is up to seq ${seq};` : "";
  return `Next attempt in ${seconds} s.${upto} what is recorded meanwhile comes from the journal.`;
}

function reconnect() {
  clearTimeout(timer);
  // An attempt that is under way must not get a second one beside it: both would say hello, through one socket.
  if (!open && !connecting && socket) socket.reconnect();
}

on("reconnect", reconnect);

document.addEventListener("visibilitychange", () => {
  if (open) say({ action: document.hidden ? "hide" : "show" });
  else if (!document.hidden && attempts) count();
});
window.addEventListener("online", () => {
  if (attempts) reconnect();
});

/* ---- frames that were painted: the server sends a few ahead and waits, so a slow page is late by no more. It also
   learns what a frame costs here, and sends rows accordingly ---- */

let arrivedAt = 0;

document.addEventListener("htmx:wsBeforeMessage", () => {
  arrivedAt = performance.now();
});

document.addEventListener("htmx:wsAfterMessage", () => {
  const frame = Number(token().frame);
  if (!(frame > confirmed)) return;
  confirmed = frame;
  const swappedAt = performance.now();
  requestAnimationFrame((now) => {
    const begunAt = Math.max(now, swappedAt);
    // What an animation frame leaves behind runs when its picture is made.
    setTimeout(() => {
      const took = swappedAt - arrivedAt + performance.now() - begunAt;
      say({ action: "ack", frame, took: Math.max(1, Math.round(took)) });
    });
  });
});
