"""What goes wrong in a tool: every message is one sentence for a user. Whatever reads files, asks git or starts asv
raises these; a docstring says so only where a caller tells them apart.
"""


class ToolError(Exception):
    """It cannot be done; the message says what is wrong and what to do."""


class ReportError(ToolError):
    """The report cannot be read, made or written."""
