// The theme: in comes the reader's choice (auto, light, dark), out goes data-theme on the document.
// A plain script in the head, so that the first paint already has the right colours.
{
  const KEY = "signalscope.theme";
  const ORDER = ["auto", "light", "dark"];
  const root = document.documentElement;

  const stored = () => {
    try {
      return ORDER.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "auto";
    } catch {
      return "auto"; // storage can be forbidden altogether
    }
  };

  const name = (theme) => `Theme: ${theme === "auto" ? "follows the system" : theme}`;

  const apply = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    for (const button of document.querySelectorAll('[data-action="theme"]')) {
      button.setAttribute("aria-label", name(theme));
      button.title = name(theme);
    }
  };

  let current = stored();
  apply(current);
  document.addEventListener("DOMContentLoaded", () => apply(current));
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.('[data-action="theme"]')) return;
    current = ORDER[(ORDER.indexOf(current) + 1) % ORDER.length];
    try {
      localStorage.setItem(KEY, current);
    } catch {
      // the choice then lasts as long as the page
    }
    apply(current);
  });
  window.addEventListener("storage", (event) => {
    if (event.key === KEY) apply((current = stored()));
  });
}
