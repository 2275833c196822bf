// Comes in: text. Goes out: the same in the clipboard, where the browser gives one.

/** Copy, and say whether that worked: the clipboard is there on secure pages and on localhost only. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
