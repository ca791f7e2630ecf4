"""The scripts of others that the dashboard needs: from the user's npm, pinned by hash, kept in a cache; and asv's own
page, which loads them from beside it instead of from CDNs.

A file is used only when its hash is the pinned one, so where the bytes came from does not matter.
"""

import base64
import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from tools import ROOT
from tools.atomic import write_bytes
from tools.errors import ReportError

CACHE = ROOT / ".asv" / "dashboard-scripts"
NPM_TIMEOUT_SECONDS = 120
FOLDER = "scripts"
_TAG = re.compile(r'(src|href)="(https://[^"]+)" integrity="([^"]+)"[^>]*?(?=( onerror="[^"]*")?>)')
_ADVICE = 'pin one in tools/dashboard/copies.json, or set "dashboard_scripts": "cdn" in asv.conf.json'


@dataclass(frozen=True)
class Script:
    """One file of an npm package, and where a CDN has it. `integrity` is written as in HTML: an algorithm, a dash, the
    hash in base64. Where there is none, npm's file is the CDN's to the byte, so the hash in asv's page holds; for the
    others see docs/dashboard.md.
    """

    package: str
    member: str
    integrity: str = ""
    url: str = ""

    @property
    def name(self) -> str:
        return self.member.rsplit("/", 1)[-1]

    @property
    def cached(self) -> Path:
        return CACHE / self.package / self.name

    def matches(self, content: bytes) -> bool:
        algorithm, _, expected = self.integrity.partition("-")
        return base64.b64encode(hashlib.new(algorithm, content).digest()).decode() == expected


class ScriptsUnavailable(Exception):
    """npm could not supply a script, as without a network; the message says why in one line."""


COPIES = msgspec.json.decode(Path(__file__).with_name("copies.json").read_bytes(), type=list[Script])
CHART_JS = COPIES[0]


def load(wanted: Iterable[Script]) -> dict[Script, bytes]:
    """The content of each script, from the cache or from npm. Raises ScriptsUnavailable: one is in neither."""
    scripts = list(dict.fromkeys(wanted))
    # What has been damaged is fetched anew.
    if missing := [x for x in scripts if not (x.cached.is_file() and x.matches(x.cached.read_bytes()))]:
        _fetch(missing)
    return {script: script.cached.read_bytes() for script in scripts}


def _fetch(scripts: list[Script]) -> None:
    """Fill the cache with what npm packs of each package as it was published; no project's package.json has a say."""
    packages = sorted({script.package for script in scripts})
    npm = shutil.which("npm")
    if npm is None:
        raise ScriptsUnavailable("npm is not installed")
    command = [npm, "pack", "--silent", "--ignore-scripts", "--prefer-offline", "--fetch-retries=0"]
    command += ["--fetch-timeout=20000", *packages]
    quiet: Any = {"stdin": subprocess.DEVNULL, "capture_output": True, "check": True}
    with tempfile.TemporaryDirectory(prefix="dashboard-scripts-") as folder:
        try:
            subprocess.run(command, cwd=folder, timeout=NPM_TIMEOUT_SECONDS, **quiet)
        except subprocess.TimeoutExpired:
            raise ScriptsUnavailable(f"npm did not answer within {NPM_TIMEOUT_SECONDS} s") from None
        except subprocess.CalledProcessError:
            raise ScriptsUnavailable(f"npm could not fetch {', '.join(packages)}") from None
        for script in scripts:
            member, wanted = f"package/{script.member}", f"{script.member} of npm's {script.package}"
            with tarfile.open(Path(folder) / f"{script.package.replace('@', '-')}.tgz") as package:
                file = member in package.getnames() and package.extractfile(member)
                if not file:
                    raise ReportError(f"npm's {script.package} holds no {script.member}")
                content = file.read()
            if not script.matches(content):
                raise ReportError(f"{wanted} is not the pinned file ({script.integrity})")
            write_bytes(script.cached, content)


def use_local_scripts(html_dir: Path) -> None:
    """Put copies of the CDN scripts beside index.html and load those; where that fails, index.html is as it was."""
    index = html_dir / "index.html"
    page = index.read_text(encoding="utf-8")
    known, copies = {script.url: script for script in COPIES}, {}
    for _, url, integrity in (match.groups()[:3] for match in _TAG.finditer(page)):
        if url not in known:
            raise ReportError(f"asv's index.html loads {url}, which has no copy; {_ADVICE}")
        copies[url] = replace(known[url], integrity=known[url].integrity or integrity)
    for script, content in load(copies.values()).items():
        write_bytes(html_dir / FOLDER / script.name, content)

    def local(match: re.Match[str]) -> str:
        script = copies[match[2]]
        return f'{match[1]}="{FOLDER}/{script.name}" integrity="{script.integrity}"'

    page = _TAG.sub(local, page)
    left = re.search(r'<(?:script|link|img)\b[^>]*(?:src|href)="(https?:)?//[^"]*"', page)
    if left:
        raise ReportError(f"asv's index.html loads {left[0]} without a hash, which has no copy; {_ADVICE}")
    write_bytes(index, page.encode())
