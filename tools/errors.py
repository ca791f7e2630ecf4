"""What goes wrong in a tool, in one sentence for a user: whatever reads files, asks git or starts asv raises these."""

import os
import signal
from functools import partial


class ToolError(Exception):
    """It cannot be done; the message says what is wrong and what to do."""


class ReportError(ToolError):
    """The report cannot be read, made or written."""


def end_as_ctrl_c_does() -> None:
    """Let a polite kill, and a terminal that closes, clean up: here, not in the workers of a pool, which ends so."""
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(signal.signal, signal.SIGTERM, signal.SIG_DFL))
