"""The errors a caller can expect. Every message says what was wrong, where, and what to do."""

from typing import Any
from unicodedata import category

STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories of what is not shown as it is: controls, formats (also of direction), surrogates, separators."""


def printable(text: str) -> str:
    """Return `text` fit for a terminal and for UTF-8: servers and file names may hold characters that steer a terminal,
    and bytes that are no text, which Python keeps as surrogates. They are shown as escapes; lines stay lines."""
    if text.isprintable():  # which nothing of these is
        return text
    return "".join(
        ascii(character)[1:-1] if character not in "\n\t" and category(character) in STEERING else character
        for character in text
    )


class StacManagerError(Exception):
    """Base of every error this package raises on purpose. It can be pickled, whatever its class is made of."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).__new__, (type(self), *self.args), self.__dict__

    def __str__(self) -> str:
        return printable(super().__str__())


class ConfigurationError(StacManagerError):
    """A wrong option or a source that does not exist. Raised before any work is done."""


class DataProcessingError(StacManagerError):
    """Nothing could be read, or the server refused or answered nonsense."""

    status = 0
    """Of HTTP, such as 401; 0 where that is not what is wrong."""


class StatusError(DataProcessingError):
    """The server answered with an error status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
