"""The management commands that Django finds here."""
