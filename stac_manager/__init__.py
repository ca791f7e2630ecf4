"""STAC items from files or a STAC API, as an async stream of dicts."""

__version__ = "0.1.0"
