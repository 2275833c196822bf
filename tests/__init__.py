"""Tests of the dashboard, the demo, and of how the project is made."""
