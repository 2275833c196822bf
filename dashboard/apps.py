"""The app: label ``signalscope``, recording installed when Django is ready."""

from django.apps import AppConfig


class SignalscopeConfig(AppConfig):
    """Signalscope as an installed app. ``ready()`` registers the checks and starts recording."""

    name = __name__.rpartition(".")[0]
    label = "signalscope"
    verbose_name = "Signalscope"

    def ready(self) -> None:
        """Register the checks and start recording."""
        from . import checks, install

        checks.register()
        install()
