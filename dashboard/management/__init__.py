"""Signalscope on the command line: one module per subcommand of ``manage.py signals``."""
