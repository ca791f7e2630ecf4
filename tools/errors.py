"""What goes wrong between a result file and a page."""


class ReportError(Exception):
    """The report cannot be read, made or written; the message is one sentence for a user."""
