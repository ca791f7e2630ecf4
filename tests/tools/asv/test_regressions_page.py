"""asv's own Regressions page looks at what the judge looks at, from the same size of a change on."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from typing import Any

from asv.util import load_json
from support import ROOT

from tools.analysis.metrics import Series, metric_of

DISCOVER = """
import json, sys
from asv_runner.discovery import disc_benchmarks, update_sys_path
update_sys_path(sys.argv[1])
fields = ("name", "type", "unit", "params", "param_names")
json.dump([{field: getattr(one, field) for field in fields} for one in disc_benchmarks(sys.argv[1])], sys.stdout)
"""


def test_the_regressions_page_agrees_with_the_judge() -> None:
    settings: dict[str, Any] = load_json(str(ROOT / "asv.conf.json"), js_comments=True)
    command = [sys.executable, "-c", DISCOVER, ROOT / "benchmarks"]
    suite = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    seen = set()
    for one in suite:
        for values in itertools.product(*one["params"]):
            call = f"{one['name']}({', '.join(values)})" if values else one["name"]
            params = tuple(zip(one["param_names"], values, strict=True))
            metric = metric_of(Series(one["name"], params, one["type"], one["unit"], ""))
            is_skipped = any(re.match(pattern, call) for pattern in settings["regressions_first_commits"])
            assert is_skipped == (metric is None), call
            if metric is not None:
                asked = [
                    size for pattern, size in settings["regressions_thresholds"].items() if re.match(pattern, call)
                ]
                assert asked == [metric.least_change], call
            seen.add(metric and metric.least_change)
    assert seen == {None, 0.05, 0.005, 0.02, 0.0}
