"""Signalscope: see which signal was sent, by whom, which receivers ran, what each caused, live."""

__version__ = "0.1.0"


def install() -> None:
    """Start recording in this process. Installing twice changes nothing."""
    from . import pipeline

    pipeline.start()


def uninstall() -> None:
    """Stop recording, and leave Django exactly as it was found. Idempotent."""
    from . import pipeline

    pipeline.stop()
