"""Longwave, the demo: a small magazine whose receivers do real work for every built-in signal."""
