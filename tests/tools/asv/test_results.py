"""asv's files: of a run that really took place, and made ones for what a run cannot be told to do."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scratch_asv import measure_scratch_project

from tools.analysis.analysis import Analysed
from tools.analysis.change import between
from tools.analysis.metrics import Run
from tools.analysis.model import Usage
from tools.analysis.two_reports import compare_reports
from tools.asv.files import read_history
from tools.asv.results import environment_of, read_report
from tools.errors import ReportError
from tools.render.json_file import as_json, read

NAN = math.nan
# The clock moves only while work is done, by what the test knows, so that asv's samples are known.
BENCHMARKS = """\
class Clock:
    now = 0.0


class FileIngest:
    params = ([1, 5, 10, "auto"], [1000])
    param_names = ["concurrency", "test_size"]
    number = 1
    repeat = 3
    rounds = 1
    warmup_time = 0
    timeout = 60
    steps = {1: [8.0, 9.0, 10.0], 10: [1.0, 2.0, 4.0], "auto": [3.0, 3.0, 3.0]}

    @staticmethod
    def timer():
        return Clock.now

    def setup(self, concurrency, test_size):
        if concurrency == 5:
            raise NotImplementedError

    def time_ingest(self, concurrency, test_size):
        if concurrency == "auto":
            raise ValueError
        Clock.now += self.steps[concurrency].pop(0)

    def peakmem_ingest(self, concurrency, test_size):
        pass
"""
STARTUP = """\
class Startup:
    def peakmem_imports_file(self):
        pass
"""


@pytest.fixture(scope="module")
def real_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("project")
    suite = project / "benchmarks"
    suite.mkdir()
    (suite / "__init__.py").touch()
    (suite / "file_ingest.py").write_text(BENCHMARKS)
    (suite / "startup.py").write_text(STARTUP)
    # asv ends with 2 when a benchmark failed, as one does here.
    return measure_scratch_project(project, expected=2, launch_method="forkserver")


def test_a_real_run(real_results: Path) -> None:
    report = read_report(real_results)
    assert report.quick  # three samples a level
    (data_set,) = report.data_sets
    assert (data_set.title, data_set.kind, data_set.items) == ("1K JSON Files", "file", 1000)
    assert data_set.key == "file_ingest.FileIngest(test_size=1000)"
    one, five, ten, auto = data_set.levels
    assert one.samples == (8.0, 9.0, 10.0)
    assert (one.median_seconds, one.q25_seconds, one.q75_seconds) == (9.0, 8.5, 9.5)
    assert ten.samples == (1.0, 2.0, 4.0)
    assert (ten.throughput, ten.speedup) == (500.0, 4.5)
    assert (five.status, auto.status) == ("n/a", "failed")
    assert auto.concurrency == "auto"
    assert one.peak_bytes is not None
    assert one.peak_bytes > 5_000_000
    assert one.net_bytes is not None
    assert abs(one.net_bytes) < one.peak_bytes / 2
    assert five.peak_bytes is None


def test_environment_of_a_real_run(real_results: Path) -> None:
    where = read_report(real_results, machine="box").environment
    (file,) = (path for path in (real_results / "box").glob("*-*.json"))
    assert where.commit == json.loads(file.read_text())["commit_hash"]
    assert where.commit_short == where.commit[:8]
    assert (where.machine, where.cpu, where.cores, where.ram) == ("box", "Some CPU", 2, "8.2 GB")
    assert where.python == ".".join(map(str, sys.version_info[:3]))
    assert where.env_name == "existing"
    assert where.dirty is None


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("17179869184", "17.2 GB"),
        (8589934592, "8.6 GB"),
        ("30799060", "31.5 GB"),  # KiB, as asv wrote it on Linux for long
        ("593192", "0.6 GB"),
        ("264033420", "270.4 GB"),
        ("32", "32.0 GB"),
        ("16GB", "16GB"),
        (None, None),
    ],
)
def test_memory_of_a_machine(written: object, shown: str | None) -> None:
    assert environment_of({"machine": "box", "ram": written}, None).ram == shown


COLUMNS = [
    "result",
    "params",
    "version",
    "started_at",
    "duration",
    "stats_ci_99_a",
    "stats_ci_99_b",
    "stats_q_25",
    "stats_q_75",
    "stats_number",
    "stats_repeat",
    "samples",
    "profile",
]
TIME = "file_ingest.FileIngest.time_ingest"
PEAK = "file_ingest.FileIngest.peakmem_ingest"


class Made:
    """A results folder, written by hand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.benchmarks: dict[str, Any] = {"version": 2}
        self.machine("box")
        self.declare(TIME)
        self.declare(PEAK)

    def machine(self, name: str) -> None:
        (self.root / name).mkdir(parents=True)
        (self.root / name / "machine.json").write_text(json.dumps({"machine": name, "version": 1}))

    def declare(self, name: str, names: tuple[str, ...] = ("concurrency", "test_size"), **more: object) -> None:
        self.benchmarks[name] = {"name": name, "param_names": list(names), **more}
        (self.root / "benchmarks.json").write_text(json.dumps(self.benchmarks))

    def commit(
        self, commit: str, rows: dict[str, Any], date: int = 1, *, env: str = "py3.11", machine: str = "box"
    ) -> Path:
        data = {
            "commit_hash": commit,
            "env_name": env,
            "date": date,
            "params": {},
            "python": "3.11",
            "requirements": {"pip+asv_runner": "0.3.2", "numpy": ""},
            "env_vars": {},
            "result_columns": COLUMNS,
            "results": rows,
            "durations": {},
            "version": 2,
        }
        path = self.root / machine / f"{commit[:8]}-{env}.json"
        path.write_text(json.dumps(data))
        return path


def runs_of(results: Path) -> list[Run]:
    history = read_history(results)
    return history.runs(*history.commits)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path / "results")


def row(result: Any, levels: list[str], sizes: list[str], *rest: Any, started: int = 1000) -> list[Any]:
    return [result, [levels, sizes], "1", started, 1.0, *rest]


def summary(result: list[Any], levels: list[str], sizes: list[str], repeat: int, started: int = 1000) -> list[Any]:
    each = [repeat] * len(result)
    low, high = [x * 0.9 for x in result], [x * 1.1 for x in result]
    return row(result, levels, sizes, low, high, low, high, [1] * len(result), each, started=started)


def test_without_recorded_samples(made: Made) -> None:
    made.commit("a" * 40, {TIME: summary([2.0, 1.0], ["1", "5"], ["1000"], 4)})
    report = read_report(made.root)
    one, five = report.data_sets[0].levels
    assert (one.samples, one.sample_count, one.median_seconds) == ((), 4, 2.0)
    assert (one.q25_seconds, one.q75_seconds) == (1.8, 2.2)
    assert five.speedup == 2.0
    assert report.quick  # four samples a level
    assert report.environment.packages == {"asv_runner": "0.3.2", "numpy": "unpinned"}
    assert report.environment.python == "3.11"


def test_quick_run_is_recognised(made: Made) -> None:
    # asv writes infinite confidence intervals for one sample.
    one = [1.0]
    cells = ([-math.inf], [math.inf], one, one, [1], [1], [[1.0]])
    made.commit("a" * 40, {TIME: row(one, ["1"], ["1000"], *cells)})
    report = read_report(made.root)
    assert report.quick
    assert report.data_sets[0].levels[0].q25_seconds is None


def test_data_sets_split_by_the_other_parameters(made: Made) -> None:
    # Product order: (1, 1000), (1, 10000), (5, 1000), (5, 10000).
    levels, sizes = ["1", "5"], ["1000", "10000"]
    made.commit(
        "a" * 40,
        {
            TIME: summary([2.0, 20.0, 1.0, 4.0], levels, sizes, 3),
            # The other order of levels: values go by name, not by place.
            PEAK: row([500, 600, 100, 200], ["5", "1"], sizes),
            "startup.Startup.peakmem_imports_file": [[40], [], "1", 1],
            "startup.Startup.peakmem_imports_api": [[70], [], "1", 1],
        },
    )
    small, large = read_report(made.root).data_sets
    assert (small.title, large.title) == ("1K JSON Files", "10K JSON Files")
    assert [x.median_seconds for x in small.levels] == [2.0, 1.0]
    assert [x.median_seconds for x in large.levels] == [20.0, 4.0]
    assert [x.peak_bytes for x in large.levels] == [200, 600]
    assert [x.net_bytes for x in large.levels] == [160, 560]
    assert large.levels[1].throughput == 2500.0


def test_api_and_other_classes(made: Made) -> None:
    api, other = "api_ingest.APIIngest.time_ingest", "peers.Peer.time_ingest"
    made.declare(api)
    made.declare(other, ("library", "concurrency"), items=7)
    made.declare("stages.Stage.time_ingest", ("test_size",))
    made.commit(
        "a" * 40,
        {
            api: summary([2.0, 3.0], ["1"], ["500", "5000"], 3),
            api.replace("time", "peakmem"): row([100, 100], ["1"], ["500", "5000"]),
            other: summary([1.0, 2.0], ["'x'", "'y'"], ["1"], 3),
            "stages.Stage.time_ingest": [[1.0], [["10"]], "1", 1],
            "startup.Startup.peakmem_imports_file": [[40], [], "1", 1],
            "startup.Startup.peakmem_imports_api": [[70], [], "1", 1],
        },
    )
    made.declare(api.replace("time", "peakmem"))
    data_sets = read_report(made.root).data_sets
    assert [x.title for x in data_sets] == [
        "Peer, library=x",
        "Peer, library=y",
        "500 API Items",
        "5K API Items",
    ]
    assert [x.kind for x in data_sets] == ["file", "file", "api", "api"]
    assert data_sets[2].levels[0].net_bytes == 30
    assert data_sets[0].items == 7


def test_special_cases_are_named_as_such_and_are_of_their_kind(made: Made) -> None:
    names = ["file_ingest.ColdFileIngest", "api_ingest.APIIngest", "api_ingest.ThrottledAPIIngest", "my.CapitalIngest"]
    for name in names:
        made.declare(f"{name}.time_ingest")
    made.commit("a" * 40, {f"{name}.time_ingest": row([1.0], ["1"], ["5000"]) for name in names})
    assert [(x.title, x.kind) for x in read_report(made.root).data_sets] == [
        ("5K JSON Files, cold", "file"),
        ("CapitalIngest, test_size=5000", "file"),
        ("5K API Items", "api"),
        ("5K API Items, throttled", "api"),
    ]


def test_peers_and_usage_are_found_by_their_names(made: Made) -> None:
    peers, usage = "peers.FilePeers.time_read", "usage.FileIngestUsage.track_usage"
    made.declare(peers, ("way", "test_size"))
    made.declare(usage, ("concurrency", "test_size", "quantity"))
    quantities = ["'wall_seconds'", "'cpu_seconds'", "'waiting_seconds'", "'tasks'"]
    made.commit(
        "a" * 40,
        {
            TIME: summary([2.0, 1.0], ["1", "5"], ["1000"], 5),
            peers: summary([4.0, 1.0, 9.0, 9.0], ["'pystac'", "'bare_loop'"], ["1000", "7"], 5),
            # Of level 5 the CPU time is missing.
            usage: [[2.0, 0.1, 1.9, 10, 1.0, NAN, 0.5, 10], [["1", "5"], ["1000"], quantities], "1", 1],
        },
    )
    (data_set,) = read_report(made.root, peers=True).data_sets
    assert [(x.concurrency, x.median_seconds, x.speedup) for x in data_set.peers] == [
        ("pystac", 4.0, 0.5),
        ("bare_loop", 9.0, 2 / 9),
    ]
    assert data_set.levels[0].usage == Usage(1, 2.0, 0.1, stages={"waiting": 1.9}, tasks=10)
    assert data_set.levels[1].usage is None
    assert read_report(made.root).data_sets[0].peers == ()


def test_failed_and_skipped(made: Made) -> None:
    made.commit("a" * 40, {TIME: row([None, NAN, 1.0], ["1", "5", "10"], ["1000"])})
    assert [x.status for x in read_report(made.root).data_sets[0].levels] == ["failed", "n/a", "ok"]


def test_what_was_skipped_as_a_whole_is_no_data_set(made: Made) -> None:
    """asv writes NaN for what was not asked to run, such as a catalog that nobody named; what failed stays."""
    made.declare("live_api.LiveAPIIngest.time_ingest")
    skipped = row([NAN, NAN], ["1", "5"], ["500"])
    made.commit("a" * 40, {TIME: row([0.2, NAN], ["1", "5"], ["1000"]), "live_api.LiveAPIIngest.time_ingest": skipped})
    assert [data_set.title for data_set in read_report(made.root).data_sets] == ["1K JSON Files"]
    made.commit("a" * 40, {TIME: row([NAN, None], ["1", "5"], ["1000"])})
    assert [level.status for level in read_report(made.root).data_sets[0].levels] == ["n/a", "failed"]


def test_a_benchmark_that_failed_as_a_whole(made: Made) -> None:
    made.commit("a" * 40, {TIME: [None, [["1", "5"], ["1000"]], "1", 1]})
    report = read_report(made.root)
    assert [x.status for x in report.data_sets[0].levels] == ["failed", "failed"]
    assert not report.quick


def one_level(seconds: float, started: int = 1000) -> dict[str, Any]:
    return {TIME: summary([seconds], ["1"], ["1000"], 3, started)}


def chosen(made: Made, commit: str | None = None, machine: str | None = None) -> float | None:
    return read_report(made.root, commit=commit, machine=machine).data_sets[0].levels[0].median_seconds


def test_choice_of_commit(made: Made) -> None:
    made.commit("abc1" + "0" * 36, one_level(1.0, started=9000), date=10)
    made.commit("abc2" + "0" * 36, one_level(2.0, started=5000), date=20)
    made.commit("dddd" + "0" * 36, {"other.Thing.time_x": [[1.0], [], "1", 1]}, date=30)
    # The newest by its own date among those with ingestion results, not by when it was measured.
    assert chosen(made) == 2.0
    assert read_report(made.root).created == "1970-01-01T00:00:05+00:00"
    assert chosen(made, "abc1") == 1.0
    assert chosen(made, "ABC1") == 1.0
    with pytest.raises(ReportError, match="'abc' is ambiguous, write more of it: abc20000, abc10000"):
        chosen(made, "abc")
    with pytest.raises(ReportError, match="no results of commit 'fff'; the newest there are abc20000, abc10000"):
        chosen(made, "fff")
    with pytest.raises(ReportError, match="of commit ''"):
        chosen(made, "")


def test_choice_of_environment(made: Made) -> None:
    made.commit("a" * 40, one_level(1.0, started=9000), env="py3.11")
    made.commit("a" * 40, one_level(2.0, started=5000), env="py3.12")
    assert chosen(made) == 1.0
    assert read_report(made.root).environment.env_name == "py3.11"


def test_choice_of_machine(made: Made) -> None:
    made.machine("other")
    made.commit("a" * 40, one_level(1.0))
    made.commit("a" * 40, one_level(2.0), machine="other")
    assert chosen(made, machine="other") == 2.0
    with pytest.raises(ReportError, match="several machines, name one: box, other"):
        chosen(made)
    with pytest.raises(ReportError, match="no results of machine 'x'; there is box, other"):
        chosen(made, machine="x")


def test_nothing_to_read(made: Made, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, words in (("nowhere", "nowhere does not exist"), ("empty", "empty holds no asv results .*")):
        with pytest.raises(ReportError, match=f"{words}; run `asv run` first"):
            read_report(tmp_path / folder)
    with pytest.raises(ReportError, match="holds no results of time_ingest"):
        read_report(made.root)
    made.commit("a" * 40, {"x.Y.time_ingest": [[1.0], [["1"]], "1", 1]})
    with pytest.raises(ReportError, match="no benchmark named time_ingest with a parameter 'concurrency'"):
        read_report(made.root)


def test_broken_files(made: Made) -> None:
    path = made.commit("a" * 40, {TIME: row([1.0, 2.0], ["1"], ["1000"])})
    with pytest.raises(ReportError, match="2 values of result for 1 combinations"):
        read_report(made.root)
    path.write_text('{"version": 2}')
    with pytest.raises(ReportError, match="is not a file that asv wrote"):
        read_report(made.root)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    with pytest.raises(ReportError, match="stands for a file in Git LFS; run `git lfs pull`"):
        read_report(made.root)
    path.write_text('{"version": 1}')
    with pytest.raises(ReportError, match="has version 1 of asv's format and this reads 2; run `asv update`"):
        read_report(made.root)
    path.write_text("{")
    with pytest.raises(ReportError, match="is not a file that asv wrote"):
        read_report(made.root)
    (made.root / "benchmarks.json").unlink()
    with pytest.raises(ReportError, match=r"benchmarks\.json is missing"):
        read_report(made.root)


@pytest.mark.parametrize(
    ("member", "value", "place"),
    [
        ("commit_hash", None, "commit_hash"),
        ("env_name", 5, "env_name"),
        ("date", "x", "date"),
        ("requirements", ["numpy"], "requirements"),
        ("params", 5, "params"),
        ("params", [[1], [1000]], r"params\[0\]\[0\]"),
        ("started_at", "yesterday", "started_at"),
        ("samples", [[1.0, None]], r"samples\[0\]\[1\]"),
    ],
)
def test_a_damaged_file_is_named_with_the_place_of_the_damage(made: Made, member: str, value: Any, place: str) -> None:
    path = made.commit("a" * 40, {TIME: row([1.0], ["1"], ["1000"], *[None] * (len(COLUMNS) - 5))})
    data = json.loads(path.read_text())
    if member in COLUMNS:
        data["results"][TIME][COLUMNS.index(member)] = value
    else:
        data[member] = value
    path.write_text(json.dumps(data))
    for reader in (read_report, read_history):
        with pytest.raises(ReportError, match=f"is not a file that asv wrote .*{place}"):
            reader(made.root)


def test_a_number_that_is_too_large_is_a_failure_and_a_machine_may_have_no_name(made: Made) -> None:
    path = made.commit("a" * 40, {TIME: row([10**400], ["1"], ["1000"])})
    (path.parent / "machine.json").write_text('{"machine": null, "num_cpu": 2, "version": 1}')
    report = read_report(made.root)
    assert (report.environment.machine, report.environment.cores) == (path.parent.name, 2)
    assert [level.status for data_set in report.data_sets for level in data_set.levels] == ["failed"]


@pytest.mark.parametrize(("written", "read"), [(None, ""), (5, "5"), ("requests", "requests")])
def test_a_unit_may_be_no_text(made: Made, written: object, read: str) -> None:
    made.commit("a" * 40, {TIME: row([1.0], ["1"], ["1000"])})
    suite = json.loads((made.root / "benchmarks.json").read_text())
    (made.root / "benchmarks.json").write_text(json.dumps({**suite, TIME: {**suite[TIME], "unit": written}}))
    (run,) = runs_of(made.root)
    assert {series.unit for series in run.series} == {read}


def test_what_the_suite_does_not_describe_is_left_out(made: Made) -> None:
    made.commit("a" * 40, {TIME: row([1.0], ["1"], ["1000"]), "m.X.track_n": row([5.0], ["1"], ["1000"])})
    suite = json.loads((made.root / "benchmarks.json").read_text())
    (made.root / "benchmarks.json").write_text(json.dumps({**suite, "m.X.track_n": 5}))
    (run,) = runs_of(made.root)
    assert {series.benchmark for series in run.series} == {TIME}
    (note,) = between([run], [run], machine="box", commit="a", base="b").notes
    assert note.startswith("1 benchmark left out")
    assert note.endswith(": m.X.track_n")


ODD_VALUES: dict[str, list[Any]] = {
    "result": [0.0, -1.0, 1e-300, 1e300, math.inf],
    "stats_repeat": [math.nan, -3, 1e300],
    "stats_q_25": [math.nan, 0.0, 9.0],
    "samples": [[math.nan, 1.0], [0.0, 1.0, 2.0], [-1.0, 1.0, 2.0], []],
    "started_at": [10**18, -1],
    "concurrency": ["-1", "0", "999999999999999999999", "None", "1.5"],
    "test_size": ["-5", "1e400", "'\\x1b\\u202eab'"],
    "peak": [-5, math.nan, 10**30],
    "machine": [
        {"gpu": {"a": 1}},
        {"num_cpu": True},
        {"os": ["x"]},
        {"cpu": 5},
        {"ram": {"a": 1}},
        {"ram": 10**400, "num_cpu": 10**400},
    ],
}


@pytest.mark.parametrize(
    ("member", "value"), [(name, value) for name, values in ODD_VALUES.items() for value in values]
)
def test_what_cannot_be_is_not_known_and_what_is_written_can_be_read(
    made: Made, tmp_path: Path, member: str, value: Any
) -> None:
    """Times, counts and dates of others that are none: nothing refuses them, and every reader says the same."""
    made.declare(TIME, type="time", unit="seconds")
    levels, sizes = ["1", "2", "4", "8"], ["1000"]
    if member in ("concurrency", "test_size"):
        (levels if member == "concurrency" else sizes)[-1] = value
    summed = summary([1.0, 0.5, 0.4, 0.3], levels, sizes, 5)
    rows = {TIME: [*summed, *[None] * (len(COLUMNS) - len(summed))], PEAK: row([5.0] * 4, levels, sizes)}
    if member == "peak":
        rows[PEAK][0][1] = value
    elif member == "started_at":
        rows[TIME][COLUMNS.index(member)] = value
    elif member in COLUMNS:
        place = COLUMNS.index(member)
        rows[TIME][place] = [value, *(rows[TIME][place] or [None] * 4)[1:]]
    made.commit("a" * 40, rows)
    if member == "machine":
        (made.root / "box" / "machine.json").write_text(json.dumps({"machine": "box", "version": 1, **value}))
    found = Analysed(read_report(made.root))
    (tmp_path / "a.json").write_text(as_json(found))
    assert read(tmp_path / "a.json") == found.report
    statuses = [level.status for level in found.report.data_sets[0].levels]
    (run,) = runs_of(made.root)
    assert sorted(statuses) == sorted(one.status for series, one in run.series.items() if series.benchmark == TIME)
    assert all(series.name.isprintable() for series in run.series)


def test_reports_of_two_environments_are_no_pair(made: Made) -> None:
    """As asv's results of them are judged by no way; another Python where nobody names environments is noted."""
    for commit, env in zip("ab", ("py3.11", "py3.13"), strict=True):
        made.commit(commit * 40, one_level(1.0), env=env)
    before, after = (read_report(made.root, commit=commit * 8) for commit in "ab")
    with pytest.raises(ReportError, match=r"times of py3\.11 and of py3\.13 cannot be compared: measure in one env"):
        compare_reports(before, after, base="a", commit="b")
    before, after = (
        replace(one, environment=replace(one.environment, env_name=None, python=python))
        for one, python in ((before, "3.11.9"), (after, "3.13.1"))
    )
    change = compare_reports(before, after, base="a", commit="b")
    assert change.notes == ("Python differs: 3.11.9 before, 3.13.1 now",)


def test_results_of_another_version_of_a_benchmark_are_compared_by_no_way(made: Made) -> None:
    for number, version in enumerate("12"):
        rows = one_level(1.0 + number)
        rows[TIME][2] = version
        made.commit(version * 40, rows, date=number)
    before, after = (read_report(made.root, commit=version * 8) for version in "12")
    change = compare_reports(before, after, base="a", commit="b")
    assert {row.evidence for row in change.rows} == {"no earlier result of this version to compare with"}


def test_a_data_set_knows_how_to_measure_it_again(made: Made) -> None:
    made.commit("abcd" * 10, one_level(1.0))
    (data_set,) = read_report(made.root).data_sets
    assert data_set.command == r"asv run --append-samples --bench '^file_ingest\.FileIngest\.time_ingest' 'abcdabcd^!'"


@pytest.mark.parametrize(
    ("axes", "version", "named"),
    [
        ([["1", "5"], ["1000"]], "2", ["concurrency=5, test_size=1000"]),
        ([["1000"], ["1", "5"]], "2", ["concurrency=5, test_size=1000"]),  # a version kept by hand
        ([["1000"], ["1", "5"]], "1", ["concurrency=5, test_size=1000"]),
        ([["500"], ["1", "5"]], "1", ["concurrency=5, test_size=500"]),
        ([["2", "4"], ["500"]], "1", ["concurrency=4, test_size=500"]),  # nothing in common: by place
        ([["1", "5"]], "1", ["concurrency=5"]),  # one was added since
        ([["1000"]], "1", ["test_size=1000"]),
        ([["1", "5"], ["'cold'"]], "1", ["concurrency=5, parameter 2=cold"]),  # one was replaced since
        ([["1", "5"], ["'cold'"]], "2", ["concurrency=5, test_size=cold"]),
        ([["True"], ["1000"], ["1", "5"]], "1", ["concurrency=5, test_size=1000, parameter 1=True"]),  # one was removed
        ([["7"]], "1", ["parameter 1=7"]),
        ([["1"]] * 9, "1", [", ".join(f"parameter {place}=1" for place in range(1, 10))]),
    ],
)
def test_parameters_of_older_files_are_known_by_their_values(
    made: Made, axes: list[list[str]], version: str, named: list[str]
) -> None:
    made.declare(TIME, version="2", params=[["1", "5", "10"], ["1000", "10000"]])
    count = math.prod(map(len, axes))
    made.commit("a" * 40, {TIME: [[float(place + 1) for place in range(count)], axes, version, 1]})
    (run,) = runs_of(made.root)
    last = max(run.series, key=lambda series: run.series[series].value or 0.0)
    assert [", ".join(f"{name}={text}" for name, text in last.params)] == named
    if "concurrency" in named[0]:
        levels = [level for data_set in read_report(made.root).data_sets for level in data_set.levels]
        assert max(level.median_seconds or 0.0 for level in levels) == count


def test_results_of_another_environment_are_named(made: Made) -> None:
    made.commit("a" * 40, one_level(1.0), env="py3.11-numpy1", date=1)
    made.commit("b" * 40, one_level(2.0), env="py3.11-numpy2", date=2)
    before, after = runs_of(made.root)
    assert between([before], [after], machine="box", commit="b", base="a").notes == (
        "nothing before was measured in py3.11-numpy2, only in py3.11-numpy1: what other environments measure is not "
        "compared",
    )


def test_two_existing_environments_are_told_apart(made: Made) -> None:
    made.commit("a" * 40, one_level(1.0), env="existing-py_a_bin_python")
    assert {run.environment for run in runs_of(made.root)} == {"existing"}
    made.commit("a" * 40, one_level(2.0), env="existing-py_b_bin_python")
    assert {run.environment for run in runs_of(made.root)} == {
        "existing-py_a_bin_python",
        "existing-py_b_bin_python",
    }


def test_levels_of_other_items_are_no_pair(made: Made) -> None:
    made.commit("a" * 40, one_level(1.0))
    report = read_report(made.root)
    (data_set,) = report.data_sets
    other = replace(data_set, levels=(replace(data_set.levels[0], items=3),))
    with pytest.raises(ReportError, match="different numbers of items cannot be compared: 1,000 and 3 at 1 worker"):
        compare_reports(report, replace(report, data_sets=(other,)), base="a", commit="b")
    with pytest.raises(ReportError, match="b has a data set twice"):
        compare_reports(report, replace(report, data_sets=(data_set, data_set)), base="a", commit="b")
