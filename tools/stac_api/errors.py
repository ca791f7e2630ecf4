class InputError(Exception):
    """The files to serve cannot be used; the message names the file, and the line where there is one."""


class SearchError(Exception):
    """A request's parameters break the specification: answered with 400 and this message."""
