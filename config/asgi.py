"""The demo project's ASGI application: Django for HTTP, Signalscope's websocket beside it."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()

from dashboard.routing import websocket_application  # noqa: E402  (needs the app registry)

application = ProtocolTypeRouter({"http": django_application, "websocket": websocket_application})
