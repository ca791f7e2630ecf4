"""File mode: from a path to the items in its documents."""
