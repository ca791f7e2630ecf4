"""What of STAC API and OGC API - Features is offered."""

STAC_API = "https://api.stacspec.org/v1.0.0"
OGC_FEATURES = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"
AGGREGATION = "https://api.stacspec.org/v0.3.0/aggregation"
AGGREGATIONS = {"datetime_frequency": "frequency_distribution", "total_count": "integer"}
"""Each with the type of its result."""


def conformance_classes(*, aggregations: bool) -> list[str]:
    classes = [
        f"{STAC_API}/core",
        f"{STAC_API}/collections",
        f"{STAC_API}/ogcapi-features",
        f"{STAC_API}/item-search",
        f"{OGC_FEATURES}/core",
        f"{OGC_FEATURES}/geojson",
        f"{OGC_FEATURES}/oas30",
    ]
    return [*classes, AGGREGATION] if aggregations else classes
