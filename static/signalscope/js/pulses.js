// Comes in: the element #pulses, which each frame of the socket replaces. Goes out: to every listener, an object
// of paths ("origin|sender|signal|receiver") with how often each was taken since the frame before.

const listeners = new Set();
let last = null;

/** Call `listener` with the paths of each frame that holds any. */
export function onPulses(listener) {
  listeners.add(listener);
}

function read() {
  const element = document.getElementById("pulses");
  if (!element || element === last) return;
  last = element;
  let paths;
  try {
    paths = JSON.parse(element.dataset.pulses || "{}");
  } catch {
    return;
  }
  if (Object.keys(paths).length) for (const listener of listeners) listener(paths);
}

document.addEventListener("htmx:wsAfterMessage", read);
