// Comes in: selectors of texts. Goes out: for each, how far its contrast falls short of WCAG AA, or null. Where the
// background is a gradient, or lies behind something translucent, the worst pair of colours counts.
(selectors) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const light = (color) => {
    const linear = (part) => (part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    const [r, g, b] = color.map((part) => linear(part / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ratio = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
    return (bright + .05) / (dark + .05);
  };
  const grounds = (element) => {
    if (!element) return [rgba("canvas")];
    const style = getComputedStyle(element);
    const own = style.backgroundImage.match(/(?:rgba?|color|oklab|oklch)\([^()]*\)/g) ?? [];
    const flat = rgba(style.backgroundColor);
    const below = flat[3] === 1 ? [flat] : grounds(element.parentElement).map((one) => over(flat, one));
    return own.length ? own.flatMap((stop) => below.map((one) => over(rgba(stop), one))) : below;
  };
  return selectors.map((selector) => {
    const element = document.querySelector(selector);
    if (!element || element.closest("svg")) return null;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const wanted = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const worst = Math.min(...grounds(element).map((ground) => ratio(over(rgba(style.color), ground), ground)));
    return worst < wanted ? `${worst.toFixed(2)} where ${wanted} is needed` : null;
  });
}
