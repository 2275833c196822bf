"""What the benchmarks measure: a small Django project, once for each tool that watches it."""
