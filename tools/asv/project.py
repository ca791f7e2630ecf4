"""A project that has an asv suite, as its `asv.conf.json` describes it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec

from tools import ROOT
from tools.errors import ToolError


class _Configuration(msgspec.Struct):
    project: str
    repo: str
    benchmark_dir: str
    results_dir: str
    html_dir: str
    branches: list[str | None]
    show_commit_url: str


@dataclass(frozen=True)
class Project:
    """What asv's configuration says, its paths made absolute; `benchmarks` is the folder of the suite in the work tree,
    `package` that of the package at the top of a commit (None for whatever a commit holds), `branch` the first that asv
    follows, `commit_url` what comes before a hash in the address of a commit ("" where that is not known).
    """

    name: str
    repository: Path
    benchmarks: Path
    package: str | None = None
    config: Path = ROOT / "asv.conf.json"
    results_dir: Path = ROOT / ".asv" / "results"
    html_dir: Path = ROOT / ".asv" / "html"
    branch: str = "HEAD"
    commit_url: str = ""

    @classmethod
    def of(cls, config: Path) -> Self:
        """Read a configuration. A repository elsewhere is read from asv's clone of it."""
        from asv.config import Config
        from asv.util import UserError

        config = config.resolve()
        try:
            found = msgspec.convert(Config.load(str(config)), _Configuration, from_attributes=True)
        except (UserError, OSError, ValueError, TypeError) as error:
            raise ToolError(f"{config} is not a configuration of asv: {error}") from error
        folder = config.parent
        repository = (folder / found.repo).resolve()
        if not (repository / ".git").exists():
            if repository.is_dir() and not (repository / "objects").is_dir():
                raise ToolError(f"{repository}, which {config} names as repo, is not a git checkout")
            repository = (folder / found.project).resolve()
            if not (repository / "objects").is_dir():
                words = f"names {found.repo} as repo, of which there is no clone at {repository}"
                raise ToolError(f"{config} {words}; `asv run` makes one, or name a checkout on this machine")
        return cls(
            name=found.project,
            repository=repository,
            benchmarks=(folder / found.benchmark_dir).resolve(),
            config=config,
            results_dir=(folder / found.results_dir).resolve(),
            html_dir=(folder / found.html_dir).resolve(),
            branch=found.branches[0] or cls.branch,
            commit_url=found.show_commit_url if found.show_commit_url.startswith("http") else "",
        )

    def fingerprint(self, *more: str) -> str:
        """Changes whenever the suite or the configuration does, or what is named: such samples do not mix."""
        digest = hashlib.sha256(repr(more).encode() + self.config.read_bytes())
        for path in sorted(self.benchmarks.rglob("*.py")):
            digest.update(f"\0{path.relative_to(self.benchmarks)}\0".encode() + path.read_bytes())
        return digest.hexdigest()


OURS = Project("stac-manager", ROOT, ROOT / "benchmarks", "stac_manager")
