"""Which Items of files are asked for: `bbox`, `datetime`, `ids`, Collections, and `filter` (CQL2). No I/O."""
