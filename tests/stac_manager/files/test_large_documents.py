"""JSON documents and NDJSON of any size, read through a window: whatever stands at its edges, what was written arrives.

The constants are lowered, so that the edges of the window fall everywhere in small documents.
"""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import fetch, ids, make_item

from stac_manager import DataProcessingError, Failure, WorkflowContext
from stac_manager.context import FailureCollector
from stac_manager.files import decoding, formats, lines, readahead
from stac_manager.files.content import Borrowed
from stac_manager.parsing import members, pieces, values, window
from stac_manager.parsing.pieces import Pause
from stac_manager.parsing.values import members_of_values
from stac_manager.parsing.window import Window

PAGE = 16
ODD_TEXTS = ('}, {"type": "Feature"', '},{"id":"', "},\n{", "]}", '\\"}', "\\", '"', "\u2028", "Köln", "\0", "😀", "{[")
TEXTS = st.one_of(st.sampled_from(ODD_TEXTS), st.text(st.characters(exclude_categories=("Cs",)), max_size=12))
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), TEXTS
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
RESERVED = ("type", "features", "id", "stac_version", "properties", "geometry")  # text in the last two is no Item
FOREIGN = st.dictionaries(TEXTS.filter(lambda name: name not in RESERVED), VALUES, max_size=3)


@pytest.fixture(autouse=True)
def tiny_window() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readahead, "PAGE_BYTES", PAGE)
        patch.setattr(readahead, "BUFFER_BYTES", PAGE)
        patch.setattr(readahead, "LARGE_BYTES", PAGE)
        patch.setattr(window, "WINDOW_BYTES", 2 * PAGE)
        patch.setattr(members, "BEGINNING_BYTES", 2 * PAGE)
        patch.setattr(members, "MEMBER_BYTES", PAGE)
        patch.setattr(members, "WHOLE_BYTES", 8 * PAGE)
        patch.setattr(pieces, "PIECE_BYTES", 2 * PAGE)
        yield


@st.composite
def item_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Items with names in different orders, and of very different lengths."""
    items = []
    for number in range(draw(st.integers(1, 8))):
        members_of_item = {"type": "Feature", "stac_version": "1.1.0", "id": f"{number}", **draw(FOREIGN)}
        names = draw(st.one_of(st.just(list(members_of_item)), st.permutations(list(members_of_item))))
        items.append({name: members_of_item[name] for name in names} | {"type": "Feature", "id": f"{number}"})
    return items


@st.composite
def documents(draw: st.DrawFn) -> tuple[list[dict[str, Any]], bytes]:
    """Return items, and an array or a FeatureCollection of them as one of many writers would have it."""
    items = draw(item_lists())
    style: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {
                "indent": st.sampled_from((None, None, 1, 2, "\t")),
                "separators": st.sampled_from((None, (",", ":"), (" , ", " : "), ("\n,", ":"), (",\r\n", ": "))),
                "sort_keys": st.booleans(),
                "ensure_ascii": st.booleans(),
            }
        )
    )
    line = {"ensure_ascii": style["ensure_ascii"], "sort_keys": style["sort_keys"]}
    lines = draw(st.sampled_from((None, ",\n", ",\r\n", "\n,", ",\n    ", ",\n\n", "\n,\n ", ", ")))
    if lines is None:
        array = json.dumps(items, **style)
    else:
        array = "[\n" + lines.join(json.dumps(item, **line) for item in items) + draw(st.sampled_from(("", "\n"))) + "]"
    before, after = draw(FOREIGN), draw(FOREIGN)
    form = draw(st.sampled_from(("array", "type first", "type last")))
    if form == "array":
        text = array
    else:
        kind = '"type": "FeatureCollection"'
        parts = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in before.items()]
        parts.append(f'"features": {array}')
        parts += [f"{json.dumps(name)} :{json.dumps(value)}" for name, value in after.items()]
        text = "{" + ", ".join([kind, *parts] if form == "type first" else [*parts, kind]) + "}"
    edge = draw(st.sampled_from(("", "\n", "\r\n ")))
    return items, draw(st.sampled_from((b"", formats.BOM))) + (edge + text + edge).encode()


def read(content: bytes, name: str = "document.json", **options: Any) -> tuple[list[dict[str, Any]], list[Failure]]:
    """Return the items and the failures of one document."""
    context = WorkflowContext.create()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            items = asyncio.run(fetch({"source": str(path), **options}, context))
        except DataProcessingError:
            items = []
    return items, context.failure_collector.get_all()


@given(written=documents())
def test_what_was_written_arrives(written: tuple[list[dict[str, Any]], bytes]) -> None:
    items, content = written
    assert read(content) == (items, [])


@pytest.mark.parametrize("behind", ["", " \n", "é"])
def test_an_item_of_any_length_is_parsed_by_the_fast_parser(behind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    item = make_item("a", text="aé" * 500)
    slowly = members.Reader._parsed_slowly
    monkeypatch.setattr(members.Reader, "_parsed_slowly", lambda reader, most: slowly(reader, most))
    found, failures = read((json.dumps(item, ensure_ascii=False) + behind).encode())
    assert found == [item]
    assert len(failures) == len(behind.strip())


@pytest.mark.parametrize(
    "members_of_item",
    [
        {"geometry": {"type": "MultiPoint", "coordinates": [[n, -n] for n in range(500)]}},
        {"assets": {f"a{n}": {"href": "x", "roles": ["data"]} for n in range(100)}},
        {"text": '\\é"' * 1_000},
        {"properties": {"flat": list(range(2_000)), "deep": [[[[{"a": [["x" * 90]]}]]]] * 30}},
    ],
    ids=lambda each: next(iter(each)),
)
@pytest.mark.parametrize(
    "form",
    [
        *("%s", "[%s, %s]", '{"features": [%s]}', "%s\n%s"),
        *('{"type": "Feature", "a": %s}', '{"a": "@", "features": [%s]}', '["@", %s]'),
    ],
)
def test_a_large_value_is_parsed_in_turns(members_of_item: dict[str, Any], form: str) -> None:
    item = make_item("a") | members_of_item
    text = form.replace("%s", json.dumps(item)).replace("@", "\\\\" * 2_000).encode()
    found = [member for _, member in members_of_values(Window(data=text))]
    values = [getattr(each, "value", each) for each in found if not isinstance(each, Pause)]
    before = ["\\" * 2_000] if form.startswith('["@') else []
    assert values == ([json.loads(text)] if "Feature" in form else before + [item] * form.count("%s"))
    assert len(found) > len(text) // (8 * PAGE)


@pytest.mark.parametrize("form", ["%s@", "%s[@,@]", "@%s@", "@\n%s@", "[@,%s@]", '{"features":%s[@]}'])
def test_white_space_of_any_length_is_passed_in_turns(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "READ_BYTES", 2 * PAGE)
    monkeypatch.setattr(values, "WINDOW_BYTES", 2 * PAGE)
    monkeypatch.setattr(lines, "FIRST_VALUE_BYTES", 2 * PAGE)
    text = form.replace("@", json.dumps(make_item("a"))).replace("%s", "\n " * 10_000).encode()
    seen = Window(Borrowed(io.BytesIO(text)))
    found = list(decoding.items_of_text(seen, formats.Document("a.json", "json"), FailureCollector()))
    assert ids(each for each in found if each is not None) == ["a"] * form.count("@")
    assert len(found) > 20_000 // (2 * PAGE)
    assert len(seen.buffer) < 2_000 or form[0] in "[{"


def test_values_that_hold_nothing_are_passed_in_turns() -> None:
    assert len(list(members_of_values(Window(data=b"[]," * 100)))) == 100


def test_brackets_within_brackets_are_counted_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte of them took a second."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1 << 20)
    monkeypatch.setattr(pieces, "TOKENS_A_TURN", 100)
    deep = b"{%b}" % b",".join(b'"%d":%b1%b' % (number, b"[" * 20, b"]" * 20) for number in range(500))
    found = [each for _, each in members_of_values(Window(data=deep))]
    assert getattr(found[-1], "value", None) == json.loads(deep)
    assert len(found) > 500 * 20 // 100


@pytest.mark.parametrize(
    ("value", "said"),
    [(b"NaN", "NaN is not a"), (b"1e999", "infinity"), (b'"\xff"', "not valid UTF-8"), (b'"\\ud800"', "surrogate")],
)
def test_a_large_value_with_what_json_does_not_have_fails_alone_and_in_turns(
    value: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is found without the standard library, which takes seconds, at a stretch."""
    slowly = members.Reader._parsed_slowly
    monkeypatch.setattr(
        members.Reader, "_parsed_slowly", lambda reader, most: slowly(reader, most) if most < 10_000 else None
    )
    item = json.dumps(make_item("a") | {"a": ["\n", [1] * 500], "b": 0, "c": [[2] * 500]}, indent=0).encode()
    broken = item.replace(b'"b": 0', b'"b": ' + value)
    text = b"[" + b",\n".join((item, broken, item)) + b"]"
    found = [each for _, each in members_of_values(Window(data=text)) if not isinstance(each, Pause)]
    assert (found[0], found[2]) == (json.loads(item), json.loads(item))
    assert said in found[1].reason
    line = text[: text.index(b'"b": ' + value)].count(b"\n") + 1
    assert line - 1 <= found[1].line <= line  # of text that is no UTF-8 only the piece is known


BROKEN = json.dumps(make_item("a") | {"a": ["x", [1] * 500], "c": [[2] * 500], "d": {}}, indent=1).encode()


@pytest.mark.parametrize(
    "text",
    [
        *(BROKEN[:end] for end in (-2, -30, 700, 1_500)),
        *(BROKEN[:900] + changed + BROKEN[900:] for changed in (b"tru, ", b'"x" 1, ', b", ", b"], ", b"}, ")),
        *(BROKEN[:-1] + end for end in (b"]", b",}", b",]", b"1}", b',"e"}', b',"e":}', b',"e":]', b",,", b'"e"')),
        *(BROKEN.replace(b'"d": {}', end) for end in (b'"d": {]', b'"d": [}', b'"d" {}', b"{}", b",", b"")),
        *(
            BROKEN.replace(b'  ]\n ],\n "d"', end + b' "d"')
            for end in (b"]},", b",]],", b"}],", b"]]", b"]],,", b"]] 1,")
        ),
    ],
)
def test_a_large_value_that_is_broken_says_where(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the standard library would, without looking at all of it once more."""
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    slowly = members.Reader._parsed_slowly
    monkeypatch.setattr(
        members.Reader, "_parsed_slowly", lambda reader, most: slowly(reader, most) if most < 10_000 else None
    )
    with pytest.raises(members.NotJSONError) as found:
        list(members_of_values(Window(data=text)))
    said = caught.value.msg
    assert str(found.value).startswith(said[:1].lower() + said[1:])
    assert found.value.line == caught.value.lineno


@pytest.mark.parametrize("features", [[], [make_item("a")]])
def test_members_that_matter_to_nobody_cost_little(features: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A million of them took 8 s. What is no JSON among them is a failure."""
    calls, slowly = [], members.Reader._parsed_slowly
    monkeypatch.setattr(
        members.Reader, "_parsed_slowly", lambda reader, most: calls.append(most) or slowly(reader, most)
    )
    others = [f'"k{n}": {value}' for n, value in enumerate(["1", "-1.5e3", '"x"', "null", '{"a": 1}', "[]"] * 500)]
    text = ", ".join([*others, f'"features": {json.dumps(features)}', *others])
    found = [member for _, member in members_of_values(Window(data=f"{{{text}}}".encode()))]
    assert [each for each in found if not isinstance(each, Pause)] == features
    assert len(calls) < 50
    for broken in ("{", "[1,,2]", "01", "tru", '"\x01"'):
        with pytest.raises(members.NotJSONError):
            list(members_of_values(Window(data=f'{{"a": 1, "k": {broken}, {text}}}'.encode())))


@given(written=documents(), data=st.data())
def test_a_truncated_document_gives_the_items_before_its_end(
    written: tuple[list[dict[str, Any]], bytes], data: st.DataObject
) -> None:
    items, content = written
    end = data.draw(st.integers(0, len(content.rstrip()) - 1))
    found, failures = read(content[:end])
    assert found == items[: len(found)]
    assert len(failures) == 1


@given(written=documents(), data=st.data())
def test_a_changed_byte_harms_one_item_or_what_follows(
    written: tuple[list[dict[str, Any]], bytes], data: st.DataObject
) -> None:
    """Where it stays JSON, it is what the parser makes of it. Where not, all items but one are as they were."""
    items, content = written
    position = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[position] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(b'"\\{}[],: \n')))
    found, failures = read(bytes(changed))
    try:
        json.loads(changed)
    except UnicodeDecodeError:
        pass  # may be in a member that nobody reads
    except ValueError:
        assert failures
    assert found or failures
    assert len([item for item in found if item not in items]) <= 1


@given(
    items=item_lists(),
    end=st.sampled_from(("\n", "\r\n", "\n\n", "\n \t\r\n")),
    bom=st.sampled_from((b"", formats.BOM)),
    final=st.booleans(),
    long=st.integers(0, 200),
)
@example(items=[make_item("a")], end="\n", bom=b"", final=False, long=0)
def test_lines_across_the_edges_of_the_window(
    items: list[dict[str, Any]], end: str, bom: bytes, final: bool, long: int
) -> None:
    items = [*items, make_item("long", filler="x" * 7 * long), *items]
    text = end.join(json.dumps(item) for item in items) + (end if final else "")
    assert read(bom + text.encode(), "lines.ndjson") == (items, [])


def test_a_bad_line_is_named_by_its_number_wherever_the_window_is() -> None:
    lines = [json.dumps(make_item(f"{number}")) for number in range(40)]
    for number in (3, 17, 39):
        lines[number] = "{"
    found, failures = read("\r\n".join(lines).encode(), "lines.ndjson")
    assert ids(found) == [f"{number}" for number in range(40) if number not in (3, 17, 39)]
    assert [failure.line for failure in failures] == [4, 18, 40]


def test_damage_in_a_large_array_is_named_by_its_line() -> None:
    lines = [json.dumps(make_item(f"{number}")) for number in range(40)]
    lines[25] = '{"type": "Feature", "id": nope}'
    found, failures = read(("[\n" + ",\n".join(lines) + "\n]").encode())
    assert ids(found) == [f"{number}" for number in range(25)]
    assert [failure.line for failure in failures] == [27]


@pytest.mark.parametrize("between", [",", " "], ids=["in an array", "one after another"])
def test_ends_are_found_by_the_slow_parser_only_where_kinds_of_members_meet(
    between: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document whose first member tells nothing of the others is read at the speed of the parser, too."""
    monkeypatch.setattr(members, "WHOLE_BYTES", 4_096)
    slowly = members.Reader._parsed_slowly
    times: list[None] = []

    def counted(reader: members.Reader, most: int) -> tuple[Any, int] | None:
        times.append(None)
        return slowly(reader, most)

    monkeypatch.setattr(members.Reader, "_parsed_slowly", counted)
    empty, full = ["{}"] * 300, [json.dumps(make_item(str(number))) for number in range(300)]
    content = between.join([*empty, *full, *empty, *full])
    window = Window(data=(f"[{content}]" if between == "," else content).encode())
    assert len(list(members_of_values(window))) == 1_200
    assert len(times) < 40


def test_numbers_of_any_length_are_no_trouble() -> None:
    """Python refuses to turn more than 4,300 digits into an int."""
    item = json.dumps(make_item("a"))
    content = f'{{"type": "FeatureCollection", "n": {"7" * 5_000}, "features": [{item}, {"7" * 5_000}, {item}]}}'
    found, failures = read(content.encode())
    assert ids(found) == ["a", "a"]
    assert [failure.reason.split(":")[0] for failure in failures] == ["member 1"]


@pytest.mark.parametrize("depth", [900, 1_100, 100_000])
def test_a_deeply_nested_member_is_a_failure(depth: int) -> None:
    item = json.dumps(make_item("a"))
    found, failures = read(f"[{item}, {'[' * depth}{']' * depth}, {item}]".encode())
    assert ids(found)[:1] == ["a"]
    assert len(failures) == 1


@pytest.mark.parametrize("max_items", [1, 2, 9, 10, 11])
@pytest.mark.parametrize("name", ["d.json", "d.ndjson"])
def test_max_items_and_collection_are_exact(name: str, max_items: int) -> None:
    items = [make_item(f"{number}", collection="ab"[number % 2]) for number in range(20)]
    text = json.dumps(items) if name == "d.json" else "\n".join(map(json.dumps, items))
    found, failures = read(text.encode(), name, max_items=max_items, collection_id="a")
    assert found == items[::2][:max_items]
    assert not failures


def test_a_document_cut_within_a_separator_is_a_failure() -> None:
    """What stood in the window before is not taken for the rest of the separator."""
    lines = [json.dumps({"type": "Feature", "stac_version": "1.1.0", "id": f"{n}", "gap": " " * 40}) for n in range(12)]
    whole = "[\n    " + ",\n    ".join(lines)
    for cut in range(len(whole) - 3 * len(lines[0]), len(whole)):
        found, failures = read(whole[:cut].encode())
        assert ids(found) == [f"{n}" for n in range(len(found))]
        assert len(failures) == 1


@pytest.mark.parametrize("bound", [(window, "MOST_VALUE_BYTES", "value"), (pieces, "MOST_TEXT_BYTES", "text")])
@pytest.mark.parametrize(
    ("name", "before", "between", "after", "delivered", "named"),
    [
        ("x.ndjson", "", "\n", "\n", ["first", "last"], Failure("", "a value is larger than 0 MB", 2)),
        (
            "x.json",
            '{"features": [\n',
            ",\n",
            "\n]}",
            ["first"],
            Failure("", "a value is larger than 0 MB; 1 item before it came, none after it", 3),
        ),
    ],
)
def test_what_is_too_large_for_memory_is_named_and_the_lines_behind_it_are_read(
    name: str, before: str, between: str, after: str, delivered: list[str], named: Failure, bound: tuple[Any, str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    module, limit, what = bound
    monkeypatch.setattr(module, limit, 4_096)
    monkeypatch.setattr(decoding, "LONG_LINE_BYTES", 1_024)
    items = [make_item("first"), make_item("huge", large="x" * 20_000), make_item("last")]
    found, failures = read((before + between.join(map(json.dumps, items)) + after).encode(), name)
    assert ids(found) == delivered
    assert [replace(failure, source="") for failure in failures] == [
        replace(named, reason=named.reason.replace("value", what))
    ]
