"""The ASGI application of the dashboard's own process: pages, their static files, the websocket."""

import gc

from channels.routing import ProtocolTypeRouter
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application

_pages = get_asgi_application()

from ..routing import websocket_application  # noqa: E402  (needs the app registry)

# Its static files come from where the apps have them: nobody collects them for this process.
# What is loaded by now stays: a collection need not look through all of the project each time.
gc.freeze()

application = ProtocolTypeRouter({"http": ASGIStaticFilesHandler(_pages), "websocket": websocket_application})
