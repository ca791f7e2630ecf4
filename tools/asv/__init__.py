"""Starting asv, and reading what it wrote."""
