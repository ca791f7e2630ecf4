"""Realistic STAC items, the same for the same seed, on disk in the layouts that file ingestion reads."""
