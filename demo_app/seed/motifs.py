"""Motifs: one function per picture, in flat colours, as for a linocut.

Comes in: a ``Canvas``, whose random numbers are seeded. Goes out: the drawing on it. Lengths are
fractions of the canvas, so that every size shows the same picture.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable

from PIL import Image, ImageDraw

INK, NIGHT, DEEP = "#1d2430", "#14202e", "#1f3a4d"
PAPER, SAND, FOAM = "#f1e7d3", "#e3cfa6", "#cfdcd6"
RUST, CORAL, OCHRE = "#b4482c", "#dd7a5a", "#d9a441"
TEAL, MIST, PLUM = "#2f7275", "#8fb0ad", "#5a3550"

Point = tuple[float, float]


class Canvas:
    """An image to draw on, with lengths from 0 to 1 in both directions."""

    def __init__(self, width: int, height: int, rng: random.Random) -> None:
        self.width, self.height, self.rng = width, height, rng
        self.image = Image.new("RGB", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    def fill(self, colour: str) -> None:
        """Paint the whole canvas."""
        self._draw.rectangle((0, 0, self.width, self.height), fill=colour)

    def gradient(self, top: str, bottom: str, bands: int = 24) -> None:
        """Paint from one colour to the other in flat bands."""
        for band in range(bands):
            colour = blend(top, bottom, band / (bands - 1))
            self.box(0, band / bands, 1, (band + 1) / bands, colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """Paint a rectangle."""
        w, h = self.width, self.height
        self._draw.rectangle((left * w, top * h, right * w, bottom * h), fill=colour)

    def shape(self, points: Iterable[Point], colour: str) -> None:
        """Paint a polygon."""
        self._draw.polygon(self._scaled(points), fill=colour)

    def line(self, points: Iterable[Point], colour: str, width: float) -> None:
        """Draw a line; its width is a fraction of the height."""
        self._draw.line(self._scaled(points), fill=colour, width=self._stroke(width), joint="curve")

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        """Paint a disc; its radius is a fraction of the height."""
        self._draw.circle((x * self.width, y * self.height), radius * self.height, fill=colour)

    def ring(self, x: float, y: float, radius: float, colour: str, width: float) -> None:
        """Draw a circle; radius and width are fractions of the height."""
        centre = (x * self.width, y * self.height)
        self._draw.circle(centre, radius * self.height, outline=colour, width=self._stroke(width))

    def stars(self, count: int, lowest: float, colour: str) -> None:
        """Scatter small discs over the sky above ``lowest``."""
        for _ in range(count):
            self.disc(
                self.rng.random(), self.rng.random() * lowest, self.rng.choice((0.002, 0.003, 0.005)), colour
            )

    def _scaled(self, points: Iterable[Point]) -> list[Point]:
        return [(x * self.width, y * self.height) for x, y in points]

    def _stroke(self, width: float) -> int:
        return max(1, round(width * self.height))


def blend(one: str, other: str, share: float) -> str:
    """Return the colour ``share`` of the way from one to the other."""
    ends = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in (one, other)]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends, strict=True))


def swell(base: float, height: float, waves: float, phase: float, steps: int = 160) -> list[Point]:
    """Return the points of a sine along the whole width."""
    return [
        (n / steps, base + height * math.sin(2 * math.pi * (waves * n / steps + phase)))
        for n in range(steps + 1)
    ]


def sea(canvas: Canvas, top: float, colours: Iterable[str], height: float = 0.018) -> None:
    """Paint layers of swell from ``top`` to the lower edge, one per colour."""
    colours = list(colours)
    for n, colour in enumerate(colours):
        base = top + (1 - top) * n / len(colours)
        edge = swell(base, height * (1 + n * 0.3), 2.6 - n * 0.25, canvas.rng.random())
        canvas.shape([*edge, (1, 1.1), (0, 1.1)], colour)


def _waves(canvas: Canvas) -> None:
    canvas.gradient("#f3dfc0", "#e9b48c")
    canvas.disc(0.68, 0.44, 0.2, RUST)
    sea(canvas, 0.5, [MIST, "#5f9391", TEAL, "#235a63", DEEP, NIGHT], 0.022)


def _beam(canvas: Canvas) -> None:
    canvas.gradient("#101b2b", "#2b4a5e")
    canvas.stars(90, 0.6, "#c9d3d0")
    canvas.shape([(0.3, 0.335), (1.05, 0.02), (1.05, 0.42)], "#8a8561")
    canvas.shape([(0.3, 0.335), (1.05, 0.1), (1.05, 0.32)], "#d6bd74")
    canvas.shape([(0.3, 0.335), (-0.05, 0.26), (-0.05, 0.42)], "#8a8561")
    canvas.shape([(0.12, 1), (0.2, 0.82), (0.42, 0.8), (0.54, 1)], "#0b121b")
    canvas.shape([(0.272, 0.4), (0.328, 0.4), (0.344, 0.84), (0.256, 0.84)], PAPER)
    for top, half in ((0.49, 0.0315), (0.66, 0.0375)):
        canvas.shape(
            [(0.3 - half, top), (0.3 + half, top), (0.302 + half, top + 0.085), (0.298 - half, top + 0.085)],
            RUST,
        )
    canvas.box(0.262, 0.385, 0.338, 0.402, INK)
    canvas.box(0.279, 0.295, 0.321, 0.385, "#f6d98a")
    canvas.shape([(0.27, 0.297), (0.3, 0.235), (0.33, 0.297)], RUST)
    sea(canvas, 0.86, [DEEP, NIGHT, "#0b121b"], 0.01)


def _ridges(canvas: Canvas) -> None:
    canvas.fill(NIGHT)
    rows, steps = 26, 150
    for row in range(rows):
        base = 0.22 + 0.66 * row / rows
        peaks = [
            (canvas.rng.gauss(0.5, 0.09), canvas.rng.uniform(0.012, 0.035), canvas.rng.uniform(0.015, 0.07))
            for _ in range(6)
        ]
        points = []
        for n in range(steps + 1):
            x = n / steps
            lift = sum(high * math.exp(-(((x - at) / wide) ** 2)) for at, wide, high in peaks)
            points.append((0.12 + 0.76 * x, base - lift - canvas.rng.random() * 0.004))
        canvas.shape([*points, (0.88, base + 0.03), (0.12, base + 0.03)], NIGHT)
        canvas.line(points, blend(CORAL, PAPER, row / rows), 0.0042)


def _pendulum(canvas: Canvas) -> None:
    canvas.fill("#e8d9bd")
    canvas.box(0, 0, 1, 0.07, INK)
    for pivot, lean, colour in ((0.25, 1, RUST), (0.75, -1, TEAL)):
        for step in range(9):
            angle = lean * math.radians(-26 + step * 6.5)
            strong = step == 8
            end = (pivot + 0.66 * math.sin(angle) * 0.625, 0.07 + 0.66 * math.cos(angle))
            shade = colour if strong else blend("#e8d9bd", colour, 0.1 + step * 0.05)
            canvas.line([(pivot, 0.07), end], INK if strong else shade, 0.006)
            canvas.disc(*end, 0.085, shade)


def _morse(canvas: Canvas) -> None:
    canvas.fill(RUST)
    for row in range(9):
        x, y = 0.08, 0.115 + row * 0.088
        while x < 0.9:
            dash = canvas.rng.random() < 0.42
            length = min(canvas.rng.uniform(0.05, 0.09) if dash else 0.014, 0.93 - x)
            canvas.line([(x, y), (x + length, y)], PAPER, 0.03)
            canvas.disc(x, y, 0.015, PAPER)
            canvas.disc(x + length, y, 0.015, PAPER)
            x += length + canvas.rng.choice((0.034, 0.034, 0.062))


def _moire(canvas: Canvas) -> None:
    canvas.fill("#dfe6dd")
    for y_step in range(34):
        for x_step in range(54):
            x, y = (x_step + 0.5) / 54, (y_step + 0.5) / 34
            far = [math.hypot((x - at) * 1.6, y - 0.5) for at in (0.33, 0.67)]
            height = sum(math.cos(2 * math.pi * way / 0.19) for way in far) / 2
            canvas.disc(x, y, 0.0025 + 0.0115 * (1 + height) / 2, blend(DEEP, TEAL, (1 + height) / 2))
    for at in (0.33, 0.67):
        canvas.disc(at, 0.5, 0.03, RUST)


def _bands(canvas: Canvas) -> None:
    canvas.fill("#efe3cb")
    colours = [MIST, TEAL, SAND, DEEP, CORAL, FOAM, "#235a63", OCHRE, NIGHT]
    for n, colour in enumerate(colours):
        top = 0.09 + n * 0.1
        edge = swell(
            top, 0.014 + 0.011 * canvas.rng.random(), canvas.rng.uniform(0.8, 2.4), canvas.rng.random()
        )
        canvas.shape([*edge, (1, 1.1), (0, 1.1)], colour)


def _rings(canvas: Canvas) -> None:
    canvas.gradient("#173042", "#0d1925")
    for n in range(17, 0, -1):
        canvas.ring(0.62, 0.56, 0.055 * n, blend(CORAL, "#173042", n / 18), 0.02 - 0.0008 * n)
    canvas.disc(0.62, 0.56, 0.022, PAPER)


def _discs(canvas: Canvas) -> None:
    canvas.fill(TEAL)
    for n in range(5):
        canvas.disc(0.14 + n * 0.12, 0.5, 0.052, PAPER)
    canvas.line([(0.76, 0.5), (0.87, 0.5)], OCHRE, 0.104)
    canvas.disc(0.76, 0.5, 0.052, OCHRE)
    canvas.disc(0.87, 0.5, 0.052, OCHRE)
    for n in range(61):
        tall = 0.035 if n % 10 == 0 else 0.016
        x = 0.08 + 0.84 * n / 60
        canvas.line([(x, 0.78), (x, 0.78 + tall)], MIST, 0.004)


def _aurora(canvas: Canvas) -> None:
    canvas.gradient("#0d1726", "#1c3a48")
    canvas.stars(120, 0.85, "#9fb3b2")
    for n in range(150):
        x = n / 150
        foot = 0.58 + 0.1 * math.sin(2 * math.pi * (x * 1.15 + 0.1)) + 0.025 * math.sin(40 * x)
        tall = 0.2 + 0.17 * (1 + math.sin(17 * x + 1)) / 2 + canvas.rng.random() * 0.07
        for step in range(14):
            share = step / 14
            colour = blend("#86d3ae", "#173043", share**0.75)
            canvas.box(x, foot - tall * (share + 1 / 14), x + 1 / 150, foot - tall * share, colour)
    hills = swell(0.86, 0.03, 1.3, 0.3)
    canvas.shape([*hills, (1, 1.1), (0, 1.1)], "#0a1119")


def _echo(canvas: Canvas) -> None:
    canvas.box(0, 0, 1, 0.22, "#efe3cb")
    for n in range(7):
        canvas.box(0, 0.22 + n * 0.1, 1, 0.33 + n * 0.1, blend("#7fb0ae", NIGHT, n / 6))
    for n in range(1, 8):
        reach = 0.085 * n
        arc = [
            (0.44 + reach * math.sin(turn) * 0.625, 0.24 + reach * math.cos(turn))
            for turn in (math.radians(-34 + 68 * step / 40) for step in range(41))
        ]
        canvas.line(arc, blend(PAPER, "#3f7579", n / 9), 0.006)
    floor = [(n / 60, 0.86 + 0.05 * math.sin(n / 6) + canvas.rng.random() * 0.015) for n in range(61)]
    canvas.shape([*floor, (1, 1.1), (0, 1.1)], "#0b121b")
    canvas.shape([(0.36, 0.185), (0.53, 0.185), (0.505, 0.24), (0.385, 0.24)], RUST)
    canvas.box(0.41, 0.13, 0.455, 0.187, INK)
    canvas.line([(0.485, 0.187), (0.485, 0.06)], INK, 0.006)


def _moon(canvas: Canvas) -> None:
    canvas.gradient(PLUM, "#c98a6d")
    canvas.disc(0.7, 0.3, 0.13, "#f4e3c0")
    canvas.shape([(0.27, 0.42), (0.33, 0.42), (0.38, 0.82), (0.22, 0.82)], "#231a2d")
    canvas.shape([(0.288, 0.5), (0.312, 0.5), (0.329, 0.62), (0.271, 0.62)], "#b98465")
    canvas.disc(0.3, 0.625, 0.014, OCHRE)
    canvas.disc(0.3, 0.4, 0.022, CORAL)
    sea(canvas, 0.68, ["#6d4459", PLUM, "#3c2740", "#231a2d"], 0.016)
    for step in range(5):
        y = 0.72 + step * 0.055
        canvas.line([(0.7 - 0.03 + step * 0.004, y), (0.7 + 0.03 - step * 0.004, y)], "#e9c9a0", 0.006)


def _cable(canvas: Canvas) -> None:
    canvas.fill("#e3cfa6")
    for n, colour in enumerate((INK, RUST, OCHRE, PAPER, TEAL)):
        upper, lower = (swell(0.5 + (n - 2) * 0.1 + edge, 0.2, 0.9, 0.08) for edge in (-0.036, 0.036))
        canvas.shape([*upper, *reversed(lower)], colour)


MOTIFS: dict[str, Callable[[Canvas], None]] = {
    "aurora": _aurora,
    "bands": _bands,
    "beam": _beam,
    "cable": _cable,
    "discs": _discs,
    "echo": _echo,
    "moire": _moire,
    "moon": _moon,
    "morse": _morse,
    "pendulum": _pendulum,
    "ridges": _ridges,
    "rings": _rings,
    "waves": _waves,
}
