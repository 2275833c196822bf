"""Watching changes nothing, proved by Django's own tests: with and without recording, test by test.

Comes in: Django's source distributions, from PyPI. Goes out: for each version, every test whose
outcome or SQL differs between a bare and a recorded run. ``make transparency`` runs it; pytest does not.
"""
