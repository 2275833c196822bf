"""The demo project: settings, addresses, ASGI application, Celery application."""

# Imported with the project, or shared_task would find no application in a web process:
# https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
from .celery import app as celery_app

__all__ = ["celery_app"]
