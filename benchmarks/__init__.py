"""What Signalscope costs, measured: see docs/performance.md."""
