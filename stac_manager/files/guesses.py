"""Where the next member of an array may begin: what stands between two members."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Guess:
    """What to look for behind a member."""

    separator: bytes  # between two members
    # The last byte of a member, the separator and the beginning of the next one; or only the line break in the
    # separator, which is found five times as fast, where members have none.
    needle: bytes
    back: int  # how many bytes before the needle the member ends
    behind: int  # how many bytes of the separator stand behind the needle

    @classmethod
    def of(cls, separator: bytes, beginning: bytes, on_one_line: bool) -> Guess:
        if on_one_line and b"\n" in separator:
            back = separator.index(b"\n")
            return cls(separator, b"\n", back, len(separator) - back - 1)
        return cls(separator, b"}" + separator + beginning, -1, 0)
