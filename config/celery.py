"""The demo project's Celery application: ``celery -A config worker``.

Comes in: ``CELERY_BROKER_URL``, by way of Django's settings. Goes out: ``app``, with the tasks of every
installed app. Without a broker there is no worker, and a task runs where it is called.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
