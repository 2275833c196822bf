// Comes in: what is typed in the filter's box. Goes out: the list of suggestions below it, as an ARIA combobox:
// arrows choose, Enter or Tab accept, Escape closes. The server makes the list, and the text that choosing makes.

const htmx = globalThis.htmx;
let dismissed = true;
// Keys pressed while the list is still that of an earlier text: they are done once it is that of the present one.
let isFresh = false;
let waiting = [];

const box = () => document.getElementById("query");
const list = () => document.getElementById("completions");
const options = () => [...(list()?.querySelectorAll('[role="option"]') ?? [])];
const chosen = () => list()?.querySelector('[aria-selected="true"]') ?? null;
const isOpen = () => list()?.hidden === false;
const isBox = (element) => element?.id === "query";

/* ---- open and close ---- */

function open() {
  const count = options().length;
  if (!count || dismissed || document.activeElement !== box()) {
    close();
    return;
  }
  list().hidden = false;
  list().scrollTop = 0;
  box().setAttribute("aria-expanded", "true");
  say(`${count} suggestion${count === 1 ? "" : "s"}`);
}

function close() {
  if (!list()) return;
  list().hidden = true;
  box().setAttribute("aria-expanded", "false");
  choose(null);
  say("");
}

function dismiss() {
  dismissed = true;
  waiting = [];
  close();
}

function say(words) {
  const status = document.getElementById("completions-said");
  if (status) status.textContent = words;
}

function ask() {
  dismissed = isFresh = false;
  htmx.trigger(box(), "complete");
}

/* ---- choose and accept ---- */

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  if (!option) {
    box()?.removeAttribute("aria-activedescendant");
    return;
  }
  option.setAttribute("aria-selected", "true");
  box().setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

/** Choose the next option; past either end nothing is chosen, as before. */
function step(by) {
  const all = [null, ...options()];
  choose(all[(all.indexOf(chosen()) + by + all.length) % all.length]);
}

function accept(option) {
  const { text, cursor } = option.dataset;
  box().value = text;
  box().focus();
  box().setSelectionRange(Number(cursor), Number(cursor));
  // What stands at the cursor of a long text must not be out of sight.
  if (Number(cursor) === text.length) box().scrollLeft = box().scrollWidth;
  if ("goesOn" in option.dataset) ask();
  else dismiss();
}

/* ---- what the reader does ---- */

const keys = {
  ArrowDown: () => (isOpen() ? step(1) : ask()),
  ArrowUp: () => (isOpen() ? step(-1) : false),
  Enter: () => (chosen() ? accept(chosen()) : false),
  Tab: () => (chosen() ? accept(chosen()) : false),
};

/** Do what the key means for the list; false where it means what it always does. */
function press(key) {
  if (key === "Escape") return isOpen() ? dismiss() : false;
  if (!(key in keys)) return false;
  const mustWait = isOpen() && !isFresh && (key.startsWith("Arrow") || waiting.length);
  return mustWait ? void waiting.push(keys[key]) : keys[key]();
}

document.addEventListener(
  "keydown",
  (event) => {
    if (!isBox(event.target) || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (press(event.key) !== false) event.preventDefault();
  },
  { capture: true },
);

document.addEventListener("input", (event) => {
  if (!isBox(event.target)) return;
  dismissed = isFresh = false;
  choose(null);
});
document.addEventListener("focusout", (event) => {
  if (isBox(event.target)) dismiss();
});
document.addEventListener("submit", (event) => {
  if (event.target.contains(box())) dismiss();
});
// The box keeps the focus while an option is pressed.
document.addEventListener("mousedown", (event) => {
  if (event.target.closest?.("#completions")) event.preventDefault();
});
document.addEventListener("click", (event) => {
  const option = event.target.closest?.("#completions [role=option]");
  if (option && isFresh) accept(option);
  else if (isBox(event.target) && !isOpen()) ask();
});

/* ---- what the server says ---- */

document.addEventListener("htmx:configRequest", (event) => {
  if (isBox(event.target)) event.detail.parameters.at = event.target.selectionStart ?? event.target.value.length;
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "completions") {
    choose(null);
    open();
    // An answer to what was typed before may come first; the one to what is typed now is on its way.
    isFresh = event.detail.requestConfig.parameters.q === box().value;
    if (!isFresh) return;
    for (const late of waiting.splice(0)) late();
  } else if (event.detail.target.id === "filter-error") point();
});

/** Put the cursor where the filter does not parse. */
function point() {
  const position = Number(document.getElementById("filter-error")?.dataset.position);
  if (!box() || Number.isNaN(position)) return;
  box().setAttribute("aria-invalid", "true");
  box().focus();
  box().setSelectionRange(position, position);
}
