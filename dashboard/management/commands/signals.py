"""``manage.py signals``: Signalscope on the command line.

Comes in: a subcommand and its options. Goes out: text for people or, with ``--json``, one object a
line. What the command does is not recorded.
"""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...causality import suppressed
from .. import comparing, drawing, exporting, importing, listing, pruning, serving, tailing
from ..terminal import Terminal, silence

SUBCOMMANDS = {
    "list": listing,
    "tail": tailing,
    "serve": serving,
    "graph": drawing,
    "export": exporting,
    "import": importing,
    "compare": comparing,
    "prune": pruning,
}


def _accept_django_options(parser: ArgumentParser) -> None:
    """Take Django's own options after the subcommand too; argparse knows them only before it."""
    for flag in ("--no-color", "--force-color", "--traceback"):
        parser.add_argument(flag, action="store_true", default=SUPPRESS, help=SUPPRESS)
    for option in ("--settings", "--pythonpath"):
        parser.add_argument(option, default=SUPPRESS, help=SUPPRESS)


class Command(BaseCommand):
    """One subcommand, one module."""

    help = "See the project's signals: who is registered, and what is sent."
    requires_system_checks = []  # looking must be possible in a project that does not pass its checks

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare each subcommand with its options."""
        subparsers = parser.add_subparsers(dest="subcommand", metavar="subcommand", required=True)
        for name, module in SUBCOMMANDS.items():
            subparser = subparsers.add_parser(name, help=module.HELP, description=module.HELP)
            module.add_arguments(subparser)
            _accept_django_options(subparser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand. Ctrl-C and a closed pipe end it quietly."""
        terminal = Terminal(self.stdout, self.stderr, self.style, force_color=options["force_color"])
        try:
            with suppressed():
                SUBCOMMANDS[options["subcommand"]].run(options, terminal)
        except KeyboardInterrupt:
            return
        except BrokenPipeError:
            silence(self.stdout)
