"""The errors a caller can expect. Every message says what was wrong, where, and what to do."""


def printable(text: str) -> str:
    """Return `text` as UTF-8 can have it: file names may hold bytes that are none, which Python keeps as surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


class StacManagerError(Exception):
    """Base of every error this package raises on purpose."""

    def __str__(self) -> str:
        return printable(super().__str__())


class ConfigurationError(StacManagerError):
    """A wrong option or a source that does not exist. Raised before any work is done."""


class DataProcessingError(StacManagerError):
    """Nothing could be read, or the server refused or answered nonsense."""
