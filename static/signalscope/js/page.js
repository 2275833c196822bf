// What every page has: a live connection, keys, the key sheet, and scenarios that step aside once they play.

import "./connection.js";
import "./keys.js";

document.addEventListener("htmx:beforeRequest", (event) => {
  const sheet = document.getElementById("scenarios");
  if (sheet?.contains(event.target)) sheet.hidePopover();
});
