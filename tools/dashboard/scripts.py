"""The scripts of others that the dashboard needs: from the user's npm, pinned by hash, kept in a cache.

A file is used only when its hash is the pinned one, so where the bytes came from does not matter.
"""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import ROOT
from tools.atomic import write_bytes
from tools.errors import ReportError

CACHE = ROOT / ".asv" / "dashboard-scripts"
FETCH_TIMEOUT_MILLISECONDS = 20_000
NPM_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Script:
    """One file of an npm package. `integrity` is written as in HTML: an algorithm, a dash, the hash in base64."""

    package: str
    member: str
    integrity: str

    @property
    def name(self) -> str:
        return self.member.rsplit("/", 1)[-1]

    @property
    def cached(self) -> Path:
        return CACHE / self.package / self.name

    @property
    def is_cached(self) -> bool:
        """Whether it is there; what has been damaged is not, and is fetched anew."""
        try:
            return self.matches(self.cached.read_bytes())
        except OSError:
            return False

    def matches(self, content: bytes) -> bool:
        algorithm, _, expected = self.integrity.partition("-")
        return base64.b64encode(hashlib.new(algorithm, content).digest()).decode() == expected


class ScriptsUnavailable(Exception):
    """npm could not supply a script, as without a network; the message says why in one line."""


CHART_JS = Script(
    "chart.js@4.6.1",
    "dist/chart.umd.min.js",
    "sha384-Emf5ZVIUiarAdhkgtqK+5/Z5qIvM6QoVrS+qAVtfyZVuD5lIHrac0me485+Antp0",
)


def load(wanted: Iterable[Script]) -> dict[Script, bytes]:
    """The content of each script, from the cache or from npm. Raises ScriptsUnavailable: one is in neither;
    ReportError: one is not the pinned file.
    """
    scripts = list(dict.fromkeys(wanted))
    missing = [script for script in scripts if not script.is_cached]
    if missing:
        _fetch(missing)
    return {script: script.cached.read_bytes() for script in scripts}


def _fetch(scripts: list[Script]) -> None:
    """Fill the cache with what npm packs of each package as it was published; no project's package.json has a say."""
    packages = sorted({script.package for script in scripts})
    npm = shutil.which("npm")
    if npm is None:
        raise ScriptsUnavailable("npm is not installed")
    command = [npm, "pack", "--silent", "--ignore-scripts", "--prefer-offline", "--fetch-retries=0"]
    command += [f"--fetch-timeout={FETCH_TIMEOUT_MILLISECONDS}", *packages]
    quiet: Any = {"stdin": subprocess.DEVNULL, "capture_output": True, "check": False}
    with tempfile.TemporaryDirectory(prefix="dashboard-scripts-") as folder:
        try:
            done = subprocess.run(command, cwd=folder, timeout=NPM_TIMEOUT_SECONDS, **quiet)
        except subprocess.TimeoutExpired:
            raise ScriptsUnavailable(f"npm did not answer within {NPM_TIMEOUT_SECONDS} s") from None
        if done.returncode:
            raise ScriptsUnavailable(f"npm could not fetch {', '.join(packages)}")
        for script in scripts:
            write_bytes(script.cached, _member(script, Path(folder)))


def _member(script: Script, folder: Path) -> bytes:
    with tarfile.open(folder / f"{script.package.replace('@', '-')}.tgz") as package:
        file = f"package/{script.member}" in package.getnames() and package.extractfile(f"package/{script.member}")
        if not file:
            raise ReportError(f"npm's {script.package} holds no {script.member}")
        content = file.read()
    if not script.matches(content):
        raise ReportError(f"{script.member} of npm's {script.package} is not the pinned file ({script.integrity})")
    return content
