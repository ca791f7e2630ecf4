"""A plugin of asv: `asv publish` gets a Speedup page, and scripts that need no network.

Named in asv.conf.json as ".tools.speedup_page". The key "dashboard_scripts" there says where asv's own pages have
their scripts from: "local" (copies beside them, the default) or "cdn" (as asv made them).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asv.console import log
from asv.publishing import OutputPublisher
from asv.util import UserError

from tools.dashboard import page_data, scripts
from tools.errors import ReportError

LOCAL, CDN = "local", "cdn"


class SpeedupPage(OutputPublisher):  # type: ignore[misc]  # asv is not typed
    name = "speedup"
    button_label = "Speedup"
    description = "Speedup, throughput and memory against concurrency"

    @classmethod
    def publish(
        cls, conf: Any, repo: Any, benchmarks: Mapping[str, Any], graphs: Any, revisions: Mapping[str, int]
    ) -> None:
        where = getattr(conf, "dashboard_scripts", LOCAL)
        if where not in (LOCAL, CDN):
            raise UserError(f'"dashboard_scripts" in asv.conf.json is {where!r}; it is "{LOCAL}" or "{CDN}"')
        html_dir = Path(conf.html_dir)
        try:
            dates = {commit: repo.get_date_from_name(commit) for commit in revisions}
            data = page_data.page_data(Path(conf.results_dir), conf.project, revisions, dates)
            page_data.write_page(html_dir / "speedup.html", data, _chart_library())
            page_data.link_speedup_page(html_dir)
            if where == LOCAL:
                scripts.use_local_scripts(html_dir)
        except scripts.ScriptsUnavailable as error:
            log.warning(f"asv's own pages need a network to be looked at: {error}")
        except ReportError as error:
            raise UserError(str(error)) from error


def _chart_library() -> bytes | None:
    try:
        return scripts.load([scripts.CHART_JS])[scripts.CHART_JS]
    except scripts.ScriptsUnavailable as error:
        log.warning(f"the Speedup page has tables and no charts: {error}")
        return None
