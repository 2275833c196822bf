"""``manage.py scenario NAME``: play a scenario from the command line; ``--list`` names them all."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...scenarios import UnknownScenarioError, catalogue, find


class Command(BaseCommand):
    """Plays one scenario and says what to look at."""

    help = "Play a scenario: one lesson about signals, to watch in Signalscope."
    requires_migrations_checks = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a name or ``--list``."""
        parser.add_argument("name", nargs="?", help="the scenario's name")
        parser.add_argument("--list", action="store_true", help="name every scenario and end")

    def handle(self, *args: Any, name: str | None = None, list: bool = False, **options: Any) -> None:
        """Play or list. Raises ``CommandError`` for a missing or unknown name."""
        if list:
            width = max(len(scenario.name) for scenario in catalogue())
            for scenario in catalogue():
                self.stdout.write(f"{scenario.name:<{width}}  {scenario.title}. {scenario.look_at}")
            return
        if name is None:
            raise CommandError("No scenario was named. Name one, or list them with --list.")
        try:
            chosen = find(name)
        except UnknownScenarioError as error:
            raise CommandError(str(error)) from error
        chosen.play()
        self.stdout.write(f"{chosen.title}: played.\nLook at: {chosen.look_at}")
