"""GeoParquet and plain Parquet: footers, row groups, columns, geometries, and the Items in them."""
