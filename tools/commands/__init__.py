"""The subcommands of `benchmark_ingest.py`, a module or two each. What they need is imported when they run."""
