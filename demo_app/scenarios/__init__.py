"""The scenarios: each plays one lesson about signals, and cleans up after itself.

Comes in: a name. Goes out: emissions to look at; ``catalogue`` is what the live page offers.
"""

from . import content, database, failures, flow, recursion, registrations
from .registry import Scenario, UnknownScenarioError, catalogue, find

__all__ = [
    "Scenario",
    "UnknownScenarioError",
    "catalogue",
    "content",
    "database",
    "failures",
    "find",
    "flow",
    "recursion",
    "registrations",
]
