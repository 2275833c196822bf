"""``signals serve``: the dashboard as a process of its own, beside whatever serves the project.

Comes in: an address. Goes out: daphne with ``server.application``, in place of this process.
"""

from __future__ import annotations

import os
import socket
import sys
from argparse import ArgumentParser
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from .. import pipeline
from ..server import HOSTS, PROJECT_SETTINGS
from .terminal import Terminal

HELP = "Serve the dashboard in a process of its own: the project needs no URL, middleware or ASGI for it."

_PACKAGE = __name__.rpartition(".management")[0]
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  (compared with, not bound to)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of ``signals serve``."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8001, help="the port to listen on (8001)")


def run(options: dict[str, Any], terminal: Terminal) -> None:
    """Become the server. Raises ``CommandError`` when it cannot be one."""
    host, port = options["host"], options["port"]
    environment = {**os.environ, **_environment(host)}
    _check_packages()
    _check_address(host, port)
    shown = f"[{host}]" if ":" in host else host
    terminal.line([f"Signalscope   http://{shown}:{port}/   (Ctrl-C ends it)"])
    command = [sys.executable, "-m", "daphne", "--no-server-name", "-v", "0", "-b", host, "-p", str(port)]
    pipeline.stop()
    sys.stdout.flush()
    os.execve(sys.executable, [*command, f"{_PACKAGE}.server.application:application"], environment)  # noqa: S606


def _environment(host: str) -> dict[str, str]:
    module = getattr(settings, "SETTINGS_MODULE", None) or os.environ.get("DJANGO_SETTINGS_MODULE")
    if not module:
        raise CommandError(
            "signals serve needs the project's settings as a module, and they were given by "
            "settings.configure(). Put them into a module and set DJANGO_SETTINGS_MODULE to its name."
        )
    return {
        PROJECT_SETTINGS: module,
        "DJANGO_SETTINGS_MODULE": f"{_PACKAGE}.server.settings",
        HOSTS: "*" if host in _EVERYWHERE and settings.DEBUG else host,
        # manage.py imports from its own folder, wherever it was started from.
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


def _check_packages() -> None:
    for package in ("daphne", "channels", "django_htmx"):
        if find_spec(package) is None:
            raise CommandError(
                f"signals serve needs {package}, which is not installed here. Run: pip install {package}"
            )


def _check_address(host: str, port: int) -> None:
    if not 0 < port < 65536:
        raise CommandError(f"--port is {port}, which is no port number. Choose one from 1024 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise CommandError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}. "
            "Stop the program that uses it, or choose another with --host and --port."
        ) from error
