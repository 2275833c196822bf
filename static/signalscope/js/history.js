// The history page. Comes in: a drag across the rate, keys at its two handles. Goes out: the range in the form's
// fields, and the form sent when it is chosen. Without it the fields alone do the same.

const chart = document.querySelector("[data-brush]");
const form = document.querySelector("[data-range-form]");
const DRAG = 4;

if (chart) brush(chart);

function brush(chart) {
  const edges = JSON.parse(chart.dataset.edges);
  const last = edges.length - 1;
  const shade = chart.querySelector(".shade");
  const width = chart.querySelector("svg").viewBox.baseVal.width;
  const from = chart.querySelector("[data-handle=from]");
  const to = chart.querySelector("[data-handle=to]");
  let anchor = null;

  chart.querySelector(".handles").hidden = false;
  chart.classList.add("is-live");
  speak();

  for (const handle of [from, to]) {
    handle.addEventListener("input", () => {
      const [low, high] = [Number(from.value), Number(to.value)];
      if (handle === from) show(Math.min(low, high - 1), high);
      else show(low, Math.max(high, low + 1));
    });
    // A key moves a handle step by step: the form waits until its reader says so, or leaves.
    handle.addEventListener("keydown", (event) => {
      if (event.key === "Enter") form.requestSubmit();
    });
    handle.addEventListener("pointerup", () => form.requestSubmit());
  }

  chart.addEventListener("pointerdown", (event) => {
    if (event.button || event.target.matches("input")) return;
    anchor = { x: event.clientX, at: place(event) };
    chart.setPointerCapture(event.pointerId);
  });
  chart.addEventListener("pointermove", (event) => {
    if (!anchor || Math.abs(event.clientX - anchor.x) < DRAG) return;
    const [low, high] = [anchor.at, place(event)].sort((a, b) => a - b);
    show(Math.floor(low), Math.max(Math.ceil(high), Math.floor(low) + 1));
  });
  chart.addEventListener("pointerup", (event) => {
    const dragged = anchor && Math.abs(event.clientX - anchor.x) >= DRAG;
    anchor = null;
    if (dragged) form.requestSubmit();
  });
  chart.addEventListener("pointercancel", () => { anchor = null; });

  function place(event) {
    const box = chart.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * last;
  }

  function show(low, high) {
    from.value = Math.max(low, 0);
    to.value = Math.min(high, last);
    shade.removeAttribute("hidden");
    shade.setAttribute("x", (from.value / last) * width);
    shade.setAttribute("width", ((to.value - from.value) / last) * width);
    form.elements.from.value = edges[from.value];
    form.elements.to.value = edges[to.value];
    speak();
  }

  function speak() {
    for (const handle of [from, to]) handle.setAttribute("aria-valuetext", edges[handle.value].replace("T", " "));
  }
}
