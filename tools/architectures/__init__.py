"""Other ways to build an ingestion, short and real, beside the package: what docs/concurrency.md rests on."""
