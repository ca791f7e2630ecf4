"""The errors a caller can expect. Every message says what was wrong, where, and what to do."""


class StacManagerError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigurationError(StacManagerError):
    """A wrong option or a source that does not exist. Raised before any work is done."""


class DataProcessingError(StacManagerError):
    """Nothing could be read, or the server refused or answered nonsense."""
