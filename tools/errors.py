"""What goes wrong in a tool: every message is one sentence for a user."""


class ToolError(Exception):
    """It cannot be done; the message says what is wrong and what to do."""


class ReportError(ToolError):
    """The report cannot be read, made or written."""
