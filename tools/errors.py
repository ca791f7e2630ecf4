"""What goes wrong in a tool, in one sentence for a user: whatever reads files, asks git or starts asv raises these."""

import signal


class ToolError(Exception):
    """It cannot be done; the message says what is wrong and what to do."""


class ReportError(ToolError):
    """The report cannot be read, made or written."""


def end_as_ctrl_c_does() -> None:
    """Let a polite kill, and a terminal that closes, clean up."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)
