"""Environments with links to packages that are installed here, where installing them anew is not what is tested."""

from __future__ import annotations

import sysconfig
import venv
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from asv.config import Config
from asv.environment import get_environments
from asv.plugins.virtualenv import Virtualenv

HERE = Path(sysconfig.get_path("purelib"))


def make_environment(folder: Path, packages: Iterable[str], *, user_site: bool = False) -> None:
    """Make an environment with links to some of the packages that are here. What is not named is not there."""
    venv.EnvBuilder(symlinks=True, system_site_packages=user_site).create(folder)
    (there,) = folder.glob("lib/*/site-packages")
    for name in packages:
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:  # it is for other systems
            continue
        for part in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            if not part.endswith(".pth") and not (there / part).exists():
                (there / part).symlink_to(HERE / part)


def make_environment_of_asv(config: Config, packages: Iterable[str], *, user_site: bool = False) -> None:
    """Make the environment that asv would make for a project: it finds it there, and goes on with the project's own
    commands. Eight runs of pip less."""
    (environment,) = get_environments(config, [Virtualenv.tool_name])
    folder = Path(environment._path)
    make_environment(folder, ["pip", *packages], user_site=user_site)
    (folder / "bin" / "pip").touch(0o755)  # asv looks for it, and runs `python -m pip`
    environment.save_info_file(folder)
    assert environment.check_presence()
