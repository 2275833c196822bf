"""The dashboard as a process of its own, beside any server: ``manage.py signals serve``.

Comes in: the project's settings module and the journal that its processes write. Goes out: the pages and
the websocket, on an address of their own. The watched app needs no URL, middleware or ASGI for it.
"""

PROJECT_SETTINGS = "SIGNALSCOPE_PROJECT_SETTINGS"
"""The environment variable that names the project's settings module."""

HOSTS = "SIGNALSCOPE_HOSTS"
"""The environment variable that holds the names, joined by commas, under which the process answers."""
