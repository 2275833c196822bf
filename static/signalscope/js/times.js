// Comes in: times in rows, as the server wrote them in the project's zone. Goes out: the same in the reader's zone, with
// the exact one on hover. A time's `datetime` is its truth; what stands in it is for reading.

const two = (number) => String(number).padStart(2, "0");
const zone = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" });

/** The time of day in the reader's zone, with so many digits of its second. */
export function clock(date, digits = 1) {
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return digits ? `${time}.${String(date.getMilliseconds()).padStart(3, "0").slice(0, digits)}` : time;
}

/** Write the times within an element in the reader's zone. */
export function localise(within) {
  for (const time of within.querySelectorAll("time.c-time")) time.textContent = clock(new Date(time.dateTime));
}

/** The moment with its date, its microseconds and its zone. */
function exact(iso) {
  const date = new Date(iso);
  const name = zone.formatToParts(date).find((part) => part.type === "timeZoneName")?.value ?? "";
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  const fraction = /\.(\d+)/.exec(iso)?.[1] ?? "0";
  return `${day} ${clock(date, 0)}.${fraction.padEnd(6, "0")} ${name}`;
}

document.addEventListener("pointerover", (event) => {
  const time = event.target.closest?.("time.c-time");
  if (time) time.title = exact(time.dateTime);
});

document.addEventListener("htmx:wsAfterMessage", () => {
  const newest = document.querySelector("#rows > .batch");
  if (newest) localise(newest);
});
document.addEventListener("htmx:afterSettle", (event) => localise(event.target));
localise(document);

/* ---- a time to jump to is meant in the reader's zone ---- */

document.addEventListener("focusin", (event) => {
  const field = event.target.closest?.("form.jump")?.elements.zone;
  if (field) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
});
