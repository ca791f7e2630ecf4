"""asv's own pages: scripts from beside them instead of from CDNs, and a way to the Speedup page."""

import json
import re
from pathlib import Path

from tools.atomic import write_bytes
from tools.errors import ReportError

from . import scripts
from .scripts import Script

FOLDER = "scripts"
LINK = '<li id="nav-li-speedup"><a href="speedup.html">Speedup</a></li>'

_TAG = re.compile(r'(src|href)="(https://[^"]+)" integrity="([^"]+)"[^>]*?(?=( onerror="[^"]*")?>)')
_NAVIGATION = re.compile(r'^(\s*)<li id="nav-li-regressions">.*?</li>\n', flags=re.MULTILINE)

COPIES = {one["url"]: one for one in json.loads(Path(__file__).with_name("copies.json").read_bytes())}
"""By CDN address: the npm package, the file in it, its hash. Where there is none, npm's file is the CDN's to the byte,
so asv's own holds; for the others see docs/dashboard.md."""
_ADVICE = 'pin one in tools/dashboard/copies.json, or set "dashboard_scripts": "cdn" in asv.conf.json'


def use_local_scripts(html_dir: Path) -> None:
    """Put copies of the CDN scripts beside index.html and load those; where that fails, index.html is as it was.

    Raises ScriptsUnavailable: they are neither cached nor to be had; ReportError: a copy is not the pinned file, or
    none is known of something that index.html loads.
    """
    index = html_dir / "index.html"
    page = index.read_text(encoding="utf-8")
    copies = {match[2]: _copy(match[2], match[3]) for match in _TAG.finditer(page)}
    for script, content in scripts.load(copies.values()).items():
        write_bytes(html_dir / FOLDER / script.name, content)

    def local(match: re.Match[str]) -> str:
        script = copies[match[2]]
        return f'{match[1]}="{FOLDER}/{script.name}" integrity="{script.integrity}"'

    page = _TAG.sub(local, page)
    left = re.search(r'<(?:script|link|img)\b[^>]*(?:src|href)="(https?:)?//[^"]*"', page)
    if left:
        raise ReportError(f"asv's index.html loads {left[0]} without a hash, which has no copy; {_ADVICE}")
    write_bytes(index, page.encode())


def link_speedup_page(html_dir: Path) -> None:
    """Put a link into the navigation bar, once. Raises ReportError: There is no place for it; index.html is as it
    was.
    """
    index = html_dir / "index.html"
    page = index.read_text(encoding="utf-8")
    if LINK in page:
        return
    page, places = _NAVIGATION.subn(lambda match: f"{match[0]}{match[1]}{LINK}\n", page)
    if places != 1:
        raise ReportError("asv's navigation bar has changed and has no link to speedup.html, which is there")
    write_bytes(index, page.encode())


def _copy(url: str, integrity: str) -> Script:
    if url not in COPIES:
        raise ReportError(f"asv's index.html loads {url}, which has no copy; {_ADVICE}")
    copy = COPIES[url]
    return Script(copy["package"], copy["member"], copy["integrity"] or integrity)
