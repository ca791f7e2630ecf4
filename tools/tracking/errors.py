"""What goes wrong between a new commit and the summary of the night."""


class TrackingError(Exception):
    """The night's work cannot be done; the message says what is wrong and what to do."""
