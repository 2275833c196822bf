"""The magazine as an installed app: its receivers are connected when Django is ready."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The demo site, Longwave."""

    name = "demo_app"
    verbose_name = "Longwave"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the receivers."""
        from . import receivers

        receivers.connect(self)
