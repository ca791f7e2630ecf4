"""asv's own pages: scripts from beside them instead of from CDNs, and a way to the Speedup page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tools.atomic import write_bytes

from . import scripts
from .scripts import Script

FOLDER = "scripts"
LINK = '<li id="nav-li-speedup"><a href="speedup.html">Speedup</a></li>'

_TAG = re.compile(r'(src|href)="(https://[^"]+)" integrity="([^"]+)"[^>]*?(?=( onerror="[^"]*")?>)')
_NAVIGATION = re.compile(r'^(\s*)<li id="nav-li-regressions">.*?</li>\n', flags=re.MULTILINE)

# CDN address: npm package, file in it, hash. None: npm's file is the CDN's to the byte, so asv's own hash holds.
# The others are the same release in another dress (flot, which the CDN minified itself) or the only one that npm
# has (stupidtable 1.0.1 was never published there; 1.1.3 adds options and takes nothing away that asv calls).
_CDNJS = "https://cdnjs.cloudflare.com/ajax/libs"
COPIES: Mapping[str, tuple[str, str, str | None]] = {
    "https://code.jquery.com/jquery-3.3.1.min.js": ("jquery@3.3.1", "dist/jquery.min.js", None),
    f"{_CDNJS}/flot/0.8.3/jquery.flot.min.js": (
        "flot@0.8.3",
        "jquery.flot.js",
        "sha384-BEasWKcYLxJSe7Dd+oFIyT92mMKekrrit2ilFCODDydHzd4eReLNz3UYG/TF1b0v",
    ),
    f"{_CDNJS}/flot/0.8.3/jquery.flot.time.min.js": (
        "flot@0.8.3",
        "jquery.flot.time.js",
        "sha384-KIXIWdEuZIzipZRAGOzqfrwF/z4Euro30f4MWlFxD6A39o51qSaMOGD84i20SMlW",
    ),
    f"{_CDNJS}/flot/0.8.3/jquery.flot.selection.min.js": (
        "flot@0.8.3",
        "jquery.flot.selection.js",
        "sha384-EWb1fTmbkoRXdUSIBGPoXwWsjIrntLRianrZEsrLMLtJcmQ4SyIkY19Ic42ISGKH",
    ),
    f"{_CDNJS}/flot/0.8.3/jquery.flot.categories.min.js": (
        "flot@0.8.3",
        "jquery.flot.categories.js",
        "sha384-yzh2w0jzVQMN+zU78Sn6vQ6Sjlv47t1/SJlLOYTC/BnpfzvDHkVyPmZbL7RD17aA",
    ),
    "https://cdn.jsdelivr.net/npm/flot-orderbars@1.0.0/js/jquery.flot.orderBars.js": (
        "flot-orderbars@1.0.0",
        "js/jquery.flot.orderBars.js",
        None,
    ),
    f"{_CDNJS}/stupidtable/1.0.1/stupidtable.min.js": (
        "stupid-table-plugin@1.1.3",
        "stupidtable.min.js",
        "sha384-gGnTJbRKCn6K3iFprK1XL3RoTiYOV5813ZTfrjLPYyF3aCoz8DGPdrwY3Fy3PLNO",
    ),
    f"{_CDNJS}/blueimp-md5/2.19.0/js/md5.min.js": ("blueimp-md5@2.19.0", "js/md5.min.js", None),
    "https://cdn.jsdelivr.net/npm/bootstrap@3.1.1/dist/js/bootstrap.min.js": (
        "bootstrap@3.1.1",
        "dist/js/bootstrap.min.js",
        None,
    ),
    "https://cdn.jsdelivr.net/npm/bootstrap@3.1.1/dist/css/bootstrap.min.css": (
        "bootstrap@3.1.1",
        "dist/css/bootstrap.min.css",
        None,
    ),
}


class StockPagesChanged(Exception):
    """asv's index.html is not the one that this was written for; the message says what to do, in one line."""


def use_local_scripts(html_dir: Path) -> None:
    """Put copies of the CDN scripts beside index.html and load those.

    Raises:
        ScriptsUnavailable: They are neither cached nor to be had; index.html is as it was.
        ScriptsAltered: A copy is not the pinned file; index.html is as it was.
        StockPagesChanged: index.html loads something of which no copy is known.
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
        raise StockPagesChanged(f"asv's index.html loads {left[0]} without a hash, which has no copy; {_ADVICE}")
    write_bytes(index, page.encode())


def link_speedup_page(html_dir: Path) -> None:
    """Put a link into the navigation bar, once.

    Raises:
        StockPagesChanged: There is no place for it; index.html is as it was.
    """
    index = html_dir / "index.html"
    page = index.read_text(encoding="utf-8")
    if LINK in page:
        return
    page, places = _NAVIGATION.subn(lambda match: f"{match[0]}{match[1]}{LINK}\n", page)
    if places != 1:
        raise StockPagesChanged("asv's navigation bar has changed and has no link to speedup.html, which is there")
    write_bytes(index, page.encode())


_ADVICE = 'pin one in tools/dashboard/stock_pages.py, or set "dashboard_scripts": "cdn" in asv.conf.json'


def _copy(url: str, integrity: str) -> Script:
    if url not in COPIES:
        raise StockPagesChanged(f"asv's index.html loads {url}, which has no copy; {_ADVICE}")
    package, member, own = COPIES[url]
    return Script(package, member, own or integrity)
