"""API mode: from a search to its items. What asks a server raises `DataProcessingError` where that gives no answer."""
