// Comes in: the rows that a frame of the socket brings, changes and takes away. Goes out: the same on the page.
// htmx would look through all attributes of every element that comes, and tell each one that goes of it by two events:
// for 25 rows that is most of a frame's time. Rows have nothing of htmx's but links in rows that stand for others.

const ROWS = "#rows, #rows > .batch, #rows .cells";
const htmx = globalThis.htmx;

document.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  const { target, fragment } = detail;
  if (!target.matches(ROWS)) return;
  detail.shouldSwap = false;
  const standIns = [...fragment.querySelectorAll(".row-gap")];
  const nodes = [...fragment.childNodes];
  if (target.id !== "rows") target.replaceWith(...nodes);
  else if (nodes.length) target.prepend(...nodes);
  else target.replaceChildren();
  for (const row of standIns) htmx.process(row);
});
