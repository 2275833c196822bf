"""What axe-core finds on a page, judged by WCAG 2.1 A and AA, in light and in dark.

Comes in: a page. Goes out: a line for each fault that names rule, element and remedy. axe is evaluated over
the browser's debugging protocol, so that the pages keep their content policy.

Where axe cannot tell a text's background (a gradient, an element in front of it), ``contrast.js`` computes
the contrast from the colours that the browser gives. Text in SVG is left to axe alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text()
RUN = """async (standards) => {
  const found = await axe.run(document, {runOnly: standards, resultTypes: ["violations", "incomplete"]});
  return {violations: found.violations, incomplete: found.incomplete};
}"""
CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
STILL = "document.getAnimations().every(animation => animation.playState !== 'running')"


def faults(page: Page, theme: Theme) -> list[str]:
    """Return what is wrong with the page in that theme: one line for each element."""
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.wait_for_function(STILL)
    page.evaluate(AXE)
    found: dict[str, list[dict[str, Any]]] = page.evaluate(RUN, STANDARDS)
    faults = [
        f"{theme}: {rule['id']} at {node['target']}: {node['failureSummary']}\n  {node['html'][:600]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
    undecided = [
        node for rule in found["incomplete"] if rule["id"] == "color-contrast" for node in rule["nodes"]
    ]
    decided = page.evaluate(CONTRAST, [node["target"][0] for node in undecided])
    return faults + [
        f"{theme}: color-contrast at {node['target']}: {verdict}\n  {node['html'][:600]}"
        for node, verdict in zip(undecided, decided, strict=True)
        if verdict
    ]


def assert_accessible(page: Page) -> None:
    """Fail with every fault of the page in both themes."""
    found = [line for theme in THEMES for line in faults(page, theme)]
    assert not found, f"{page.url}\n" + "\n".join(found)
