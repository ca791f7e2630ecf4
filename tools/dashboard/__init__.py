"""What the dashboard of `asv publish` has beyond asv: the Speedup page, scripts that need no network, a preview."""
