"""The demo project: settings, addresses, ASGI application."""
