"""Publish the dashboard and look at it, from a server of this machine that nobody else can reach."""

import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tools import ROOT
from tools.asv.git import GitError, Repository
from tools.asv.project import Project
from tools.asv.run import Asv
from tools.errors import ToolError


def preview(*, port: int, open_browser: bool, say: Callable[[str], None]) -> None:
    """Publish, serve on 127.0.0.1 until Ctrl-C or SIGTERM; port 0 is any that is free. Raises ToolError."""
    repository = Repository(ROOT)
    if repository.find("HEAD") is None:
        raise ToolError(
            f"{ROOT} is not a git checkout, and the dashboard shows results by commit; clone the project and run "
            "`asv run HEAD^!` there"
        )
    project = Project.of(ROOT / "asv.conf.json")
    if not any(project.results_dir.glob("*/*-*.json")):
        raise ToolError(f"{project.results_dir} holds no results yet; run `asv run HEAD^!` first")
    try:
        branch = repository.branch(project.branch)
    except GitError:
        branch = "HEAD"  # which is detached
    Asv(project, branch).run("publish", ["publish"], project.results_dir)
    try:
        server = _Server(("127.0.0.1", port), partial(_Files, directory=str(project.html_dir)))
    except OSError as error:
        raise ToolError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from error
    with server, suppress(KeyboardInterrupt):
        address = f"http://127.0.0.1:{server.server_port}/speedup.html"
        say(f"The dashboard: {address} (Ctrl-C ends)")
        if open_browser and not webbrowser.open(address):
            say("No browser could be started here; open the address yourself.")
        server.serve_forever()
    say("Ended.")


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away before a page has arrived is nothing to report."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nobody asked for a line a request."""
