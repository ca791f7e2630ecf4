"""What goes wrong in a tool, in one sentence for a user: whatever reads files, asks git or starts asv raises these."""


class ToolError(Exception):
    """It cannot be done; the message says what is wrong and what to do."""


class ReportError(ToolError):
    """The report cannot be read, made or written."""
