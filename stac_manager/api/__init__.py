"""API mode: from a search to the items on its pages.

Whatever asks a server raises `DataProcessingError` where that cannot be reached, refuses, or answers nonsense.
"""
