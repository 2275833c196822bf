// Comes in: clicks on elements with data-action. Goes out: a call of what a module registered under that name.

const actions = new Map();

/** Call `handler(element, event)` when an element with `data-action="name"` is clicked. */
export function on(name, handler) {
  actions.set(name, handler);
}

/** Do what a click on such an element would do. */
export function act(name) {
  actions.get(name)?.(null, null);
}

/** Whether the browser should follow a link by itself: a new tab, a download. */
export function isModified(event) {
  return event.defaultPrevented || event.button > 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
}

document.addEventListener("click", (event) => {
  const element = event.target.closest?.("[data-action]");
  if (element) actions.get(element.dataset.action)?.(element, event);
});
