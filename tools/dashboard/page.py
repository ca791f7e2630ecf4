"""The Speedup page as one file: markup, style, script, chart library and data, so that it works from anywhere."""

import json
from pathlib import Path
from string import Template
from typing import Any

from tools.atomic import write_bytes

_PARTS = Path(__file__).with_name("page")


def write(path: Path, data: dict[str, Any], chart_library: bytes | None) -> None:
    """Write the page; without the library it has its tables and says that charts are missing.

    Raises:
        ReportError: The place cannot be written.
    """
    parts = {
        name: (_PARTS / name).read_text(encoding="utf-8") for name in ("speedup.html", "speedup.css", "speedup.js")
    }
    filled = Template(parts["speedup.html"]).substitute(
        style=parts["speedup.css"],
        data=_embedded(data),
        library="" if chart_library is None else _without_source_map(chart_library.decode()),
        script=parts["speedup.js"],
    )
    write_bytes(path, filled.encode())


def _embedded(data: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in: names of files and benchmarks are text of others."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _without_source_map(script: str) -> str:
    """The map is not beside the page, and developer tools would ask for it."""
    return "\n".join(line for line in script.splitlines() if not line.startswith("//# sourceMappingURL="))
