"""The file that others read: exact, strict, and refused with a reason."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from made_data_sets import make_data_set, measured_level, missing_level

from tools.analysis.analysis import Analysed
from tools.analysis.model import DataSet, Environment, Level, Report, Usage
from tools.atomic import write_bytes
from tools.errors import ReportError
from tools.render.json_file import as_json, read

SCHEMA_PATH = Path(__file__).parents[3] / "tools" / "render" / "results.schema.json"


def write(report: Report, path: Path) -> None:
    write_bytes(path, as_json(Analysed(report)).encode())


SECONDS = st.floats(min_value=1e-9, max_value=1e9)
BYTES = st.none() | st.integers(min_value=0, max_value=10**15)
TEXT = st.none() | st.text()
MEANS = st.none() | st.floats(min_value=0, max_value=1e9)
USAGES = st.none() | st.builds(
    Usage,
    runs=st.integers(min_value=1, max_value=100),
    wall_seconds=SECONDS,
    cpu_seconds=SECONDS,
    queue_seconds=MEANS,
    stages=st.none() | st.dictionaries(st.text(), SECONDS, max_size=3),
    tasks=MEANS,
    refusals=MEANS,
)
LEVEL_NAMES = st.integers(min_value=1, max_value=10_000) | st.sampled_from(["auto", "adaptive", "2 processes"])


@st.composite
def levels(draw: st.DrawFn, concurrency: int | str) -> Level:
    sizes: dict[str, Any] = {"items": draw(BYTES), "peak_bytes": draw(BYTES), "import_bytes": draw(BYTES)}
    if draw(st.booleans()):
        return missing_level(concurrency, draw(st.sampled_from(["n/a", "failed"])), **sizes)
    return measured_level(concurrency, draw(st.lists(SECONDS, min_size=1, max_size=4)), usage=draw(USAGES), **sizes)


PEERS = st.text(min_size=1).flatmap(levels).map(lambda peer: replace(peer, net_bytes=None, usage=None))


@st.composite
def data_sets(draw: st.DrawFn) -> DataSet:
    names = draw(st.lists(LEVEL_NAMES, max_size=4, unique=True))
    kind = draw(st.sampled_from(["file", "api"]))
    members = [draw(levels(name)) for name in names]
    return make_data_set(
        draw(st.text()), draw(st.text()), kind, draw(st.text()), draw(BYTES), members, draw(st.lists(PEERS, max_size=2))
    )


REPORTS = st.builds(
    Report,
    created=st.text(min_size=1),
    environment=st.builds(
        Environment,
        commit=TEXT,
        commit_short=TEXT,
        dirty=st.none() | st.booleans(),
        machine=TEXT,
        os=TEXT,
        cpu=TEXT,
        cores=BYTES,
        ram=TEXT,
        python=TEXT,
        env_name=TEXT,
        packages=st.none() | st.dictionaries(st.text(), st.text(), max_size=3),
    ),
    data_sets=st.lists(data_sets(), max_size=2).map(tuple),
)

SMALL = Report(
    "2026-01-02T03:04:05+00:00",
    Environment(cores=2),
    (make_data_set("t", "k", "file", "s", 10, [measured_level(1, [2.0, 2.1]), missing_level(5, "failed")]),),
)


@given(report=REPORTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_round_trip_is_exact_and_fits_the_schema(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"
    write(report, path)
    assert read(path) == report
    Draft202012Validator(json.loads(SCHEMA_PATH.read_text())).validate(json.loads(path.read_text()))
    assert [x.name for x in path.parent.iterdir()] == ["report.json"]


def test_a_file_of_the_first_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    write(SMALL, path)
    data = json.loads(path.read_text())
    data["schema_version"] = 1
    for data_set in data["data_sets"]:
        del data_set["peers"], data_set["command"], data_set["analysis"]
        for level in data_set["levels"]:
            del level["usage"], level["speedup_interval"]
    path.write_text(json.dumps(data))
    assert read(path) == SMALL


def test_what_follows_from_the_samples_is_computed_anew(tmp_path: Path) -> None:
    path = changed(tmp_path / "report.json", "data_sets", 0, "levels", 0, "speedup", to=99.0)
    assert read(path) == SMALL


def test_whole_numbers_may_have_a_point(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write(SMALL, path)
    points = json.loads(path.read_text(), parse_int=float)
    path.write_text(json.dumps(points))
    assert read(path) == SMALL


def test_the_analysis_is_in_the_file(tmp_path: Path) -> None:
    write(SMALL, tmp_path / "report.json")
    (data_set,) = json.loads((tmp_path / "report.json").read_text())["data_sets"]
    assert data_set["analysis"]["recommended"] is None
    assert data_set["analysis"]["lines"][0] == ["No advice yet", "only 1 worker has a time", None]
    assert [level["strategy"] for level in data_set["levels"]] == ["sequential", "concurrent"]


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA_PATH.read_text()))


def test_every_field_is_documented() -> None:
    schema = json.loads(SCHEMA_PATH.read_text())
    text = (Path(__file__).parents[3] / "docs" / "results.md").read_text()
    objects = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    for name in {name for part in objects for name in part["properties"]}:
        assert f"`{name}`" in text


def test_nan_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write(SMALL, path)
    broken = replace(SMALL.data_sets[0].levels[0], speedup=math.nan)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(replace(SMALL, data_sets=(replace(SMALL.data_sets[0], levels=(broken,)),)), path)
    assert read(path) == SMALL


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    write(SMALL, path)

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ReportError, match="cannot be written \\(No space left on device\\)"):
        write(replace(SMALL, created="later"), path)
    assert read(path) == SMALL
    assert [x.name for x in tmp_path.iterdir()] == ["report.json"]


def changed(path: Path, *keys: str | int, to: object) -> Path:
    write(SMALL, path)
    data = json.loads(path.read_text())
    place = data
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (["schema_version"], 4, "newer version of this program (schema_version 4, this one reads 3); update"),
        (["schema_version"], 1e300, "newer version of this program (schema_version 10000000000000000..., this one"),
        (["schema_version"], 0, "Expected `int` >= 1 - at `$.schema_version`"),
        (["data_sets", 0, "kind"], "disk", "Invalid enum value 'disk' - at `$.data_sets[0].kind`"),
        (["data_sets", 0, "kind"], "x" * 5000, "xxx...; run the benchmark again"),
        (["data_sets", 0, "levels", 0, "median_seconds"], 0, "Expected `float` >= 1e-09 - at `$.data_sets[0].levels["),
        (["data_sets", 0, "levels", 0, "samples"], [math.nan], "JSON is malformed"),
        (["data_sets", 0, "levels", 0, "usage"], {}, "missing required field `runs`"),
        (["data_sets", 0, "levels", 1, "status"], "ok", "a level that is ok has no time"),
        (["data_sets"], 3, "Expected `array`, got `int` - at `$.data_sets`"),
        (["data_sets", 0, "peers"], [3], "Expected `object`, got `int` - at `$.data_sets[0].peers[0]`"),
        (["data_sets", 0, "peers"], [{"status": "ok"}], "missing required field `name` - at `$.data_sets[0].peers[0]`"),
        (["data_sets", 0, "peers"], [{"name": 5}], "Expected `str`, got `int` - at `$.data_sets[0].peers[0].name`"),
        (["environment"], None, "Expected `object`, got `null` - at `$.environment`"),
        (["data_sets", 0, "levels", 0, "net_bytes"], 10**400, "Expected `int` <= 1000000000000000"),
        (["data_sets", 0, "levels", 1, "concurrency"], 10**12, "Expected `int` <= 1000000000"),
        (["data_sets", 0, "levels", 1, "concurrency"], 1, "k: a concurrency level is there twice in [1, 1]"),
    ],
)
def test_wrong_content(tmp_path: Path, keys: list[str | int], value: object, words: str) -> None:
    path = changed(tmp_path / "report.json", *keys, to=value)
    with pytest.raises(ReportError) as caught:
        read(path)
    message = str(caught.value)
    assert words in message
    assert message.startswith(str(path))
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not a benchmark result: Input data was truncated"),
        (b"[1]", "is not a benchmark result"),
        (b"\xff\xfe", "is not a benchmark result: JSON is malformed"),
        (b'{"schema_version": 1e999}', "Expected `int`, got `float`"),
        (b'{"schema_version": 3, "x": ' + b"[" * 100_000, "is not a benchmark result"),
    ],
)
def test_wrong_files(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ReportError, match=words):
        read(path)


def test_wrong_places(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="does not exist"):
        read(tmp_path / "none.json")
    with pytest.raises(ReportError, match="cannot be read"):
        read(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="cannot be written"):
        write(SMALL, tmp_path / "file" / "x.json")
