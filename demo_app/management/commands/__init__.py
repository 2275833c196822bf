"""``scenario`` and ``seed_demo``."""
