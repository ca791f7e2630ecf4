"""API mode: from a search to the items on its pages."""
