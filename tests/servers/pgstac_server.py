"""PgSTAC behind stac-fastapi: what many public catalogs run, with a PostgreSQL of its own.

Needs Debian's `postgresql` and its PostGIS, and `.servers`, a virtual environment with `requirements.txt` of this
folder. It is one apart because these packages want other versions than the ones that are measured here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support import ROOT

from servers.processes import answers, serving_on_a_free_port

PROGRAMS = ROOT / ".servers" / "bin"
EXECUTE = "import sys, psycopg; psycopg.connect('', autocommit=True).execute(sys.argv[1])"
COUNTS_ON = "update pgstac.pgstac_settings set value = 'on' where name = 'context'"
# The cluster lives as long as the test: nothing in it must survive a crash.
FAST = ["--fsync=off", "--synchronous_commit=off", "--full_page_writes=off"]
LOOPBACK = ["--listen_addresses=127.0.0.1", "--unix_socket_directories="]


def missing() -> str | None:
    """Say what is not installed here, or None."""
    if not PROGRAMS.is_dir():
        return "no .servers: make it with tests/servers/install"
    binaries = _binaries()
    if binaries is None:
        return "PostgreSQL is not installed (Debian: postgresql-15, postgresql-15-postgis-3)"
    share = subprocess.run([binaries / "pg_config", "--sharedir"], capture_output=True, text=True, check=True).stdout
    if not (Path(share.strip()) / "extension" / "postgis.control").exists():
        return "PostGIS is not installed (Debian: postgresql-15-postgis-3)"
    if os.geteuid() == 0 and not _user_exists("postgres"):
        return "PostgreSQL refuses to run as root, and there is no user postgres"
    return None


@contextmanager
def serving(items: Path) -> Iterator[str]:
    """Load an NDJSON file into a new database and give the address of the API before it."""
    folder = Path(tempfile.mkdtemp(prefix="pgstac-"))
    try:
        with _database(folder) as connection:
            environment = {**os.environ, **connection}
            _run(PROGRAMS / "pypgstac", "migrate", env=environment)
            collections = folder / "collections.ndjson"
            collections.write_text("".join(json.dumps(each) + "\n" for each in _collections(items)))
            _run(PROGRAMS / "pypgstac", "load", "collections", collections, "--method", "upsert", env=environment)
            _run(PROGRAMS / "pypgstac", "load", "items", items, "--method", "upsert", env=environment)
            _run(PROGRAMS / "python", "-c", EXECUTE, COUNTS_ON, env=environment)
            command = [
                PROGRAMS / "uvicorn",
                "stac_fastapi.pgstac.app:create_app",
                "--factory",
                "--log-level",
                "warning",
            ]
            with serving_on_a_free_port(
                lambda port: [*command, "--port", str(port)],
                lambda port: answers(f"http://127.0.0.1:{port}/"),
                folder / "api.log",
                env=environment,
            ) as port:
                yield f"http://127.0.0.1:{port}/"
    finally:
        shutil.rmtree(folder)


@contextmanager
def _database(folder: Path) -> Iterator[dict[str, str]]:
    """Run a PostgreSQL of its own and give the variables that lead to it."""
    binaries = _binaries()
    assert binaries is not None
    owner: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        owner |= {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(folder, "postgres")
    data = folder / "data"
    options = ["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
    _run(binaries / "initdb", "--pgdata", data, *options, **owner)
    ask = [binaries / "pg_isready", "--quiet", "--host=127.0.0.1"]
    with serving_on_a_free_port(
        lambda port: [binaries / "postgres", "-D", data, "-p", str(port), *LOOPBACK, *FAST],
        lambda port: subprocess.run([*ask, f"--port={port}"], check=False).returncode == 0,
        folder / "postgres.log",
        **owner,
    ) as port:
        yield {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGUSER": "postgres",
            "PGPASSWORD": "trusted",
            "PGDATABASE": "postgres",
        }


def _collections(items: Path) -> list[dict[str, Any]]:
    """The least that a Collection needs, for every one that an item names."""
    ids = sorted({json.loads(line)["collection"] for line in items.read_text(encoding="utf-8").splitlines()})
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    common = {"type": "Collection", "stac_version": "1.1.0", "license": "other", "extent": extent, "links": []}
    return [{**common, "id": id_, "description": id_} for id_ in ids]


def _binaries() -> Path | None:
    """Debian keeps the server's programs, one folder a version, out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _user_exists(name: str) -> bool:
    import pwd

    return name in {entry.pw_name for entry in pwd.getpwall()}


def _run(*command: str | Path, **options: Any) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-1_000:]}{done.stderr[-2_000:]}")
