"""Planning by a table of graphs: order, ids, what is stale and why. Nothing here touches a disk."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stedi.errors import UsageError
from stedi.plan import build_id, build_ids, order, stale

Graph = Mapping[str, tuple[str, ...]]

LAKE: Graph = {
    "customer_trusted": ("customer_landing",),
    "accelerometer_trusted": ("accelerometer_landing", "customer_trusted"),
    "customers_curated": ("customer_trusted", "accelerometer_trusted"),
    "step_trainer_trusted": ("step_trainer_landing", "customers_curated"),
    "machine_learning_curated": ("step_trainer_trusted", "accelerometer_trusted"),
}
FEEDS = ("customer_landing", "accelerometer_landing", "step_trainer_landing")


# order


@pytest.mark.parametrize(
    ("graph", "given_", "expected"),
    [
        ({}, (), []),
        ({"a": ()}, (), ["a"]),
        ({"a": ("feed",)}, ("feed",), ["a"]),
        ({"b": ("feed",), "a": ("feed",)}, ("feed",), ["a", "b"]),
        ({"a": ("b",), "b": ("feed",)}, ("feed",), ["b", "a"]),
        ({"a": ("c",), "b": (), "c": ("b",)}, (), ["b", "c", "a"]),
        ({"d": ("b", "c"), "c": ("a",), "b": ("a",), "a": ("f",)}, ("f",), ["a", "b", "c", "d"]),
        ({"a": ("f", "f")}, ("f", "unread"), ["a"]),
        (
            LAKE,
            FEEDS,
            [
                "customer_trusted",
                "accelerometer_trusted",
                "customers_curated",
                "step_trainer_trusted",
                "machine_learning_curated",
            ],
        ),
    ],
)  # fmt: skip
def test_stages_come_after_their_inputs(graph: Graph, given_: tuple[str, ...], expected: list[str]) -> None:
    assert order(graph, given_) == expected
    assert order(dict(reversed(list(graph.items()))), set(given_)) == expected


@pytest.mark.parametrize(
    ("graph", "named"),
    [
        ({"a": ("a",)}, ["a"]),
        ({"a": ("b",), "b": ("a",)}, ["a", "b"]),
        ({"a": ("b",), "b": ("c",), "c": ("a",), "before": ("feed",)}, ["a", "b", "c"]),
    ],
)
def test_a_circle_is_named(graph: Graph, named: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        order(graph, ["feed"])
    assert caught.value.message == f"stages read each other in a circle: {', '.join(named)}"


def test_what_waits_for_a_circle_is_named_with_it() -> None:
    with pytest.raises(UsageError) as caught:
        order({"a": ("b",), "b": ("a",), "waits": ("a",)}, [])
    assert caught.value.message.endswith("circle: a, b, waits")


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ({"a": ("nothing",)}, "a reads nothing, which no stage makes"),
        ({"a": ("feed", "zzz", "gone")}, "a reads gone, which no stage makes"),
        ({"a": (), "b": ("a", "Feed")}, "b reads Feed, which no stage makes"),
    ],
)
def test_an_input_that_nothing_makes_is_named(graph: Graph, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        order(graph, ["feed"])
    assert caught.value.message == message
    assert caught.value.fix


@given(edges=st.dictionaries(st.integers(0, 9), st.sets(st.integers(0, 9), max_size=4), max_size=10))
def test_any_graph_is_put_in_order_or_refused(edges: dict[int, set[int]]) -> None:
    # an edge leads to a smaller number or out of the graph, so there is no circle
    graph = {f"s{n}": tuple(f"s{m}" if m < n and m in edges else "feed" for m in inputs) for n, inputs in edges.items()}
    found = order(graph, ["feed"])
    assert sorted(found) == sorted(graph)
    done = {"feed"}
    for name in found:
        assert done.issuperset(graph[name])
        done.add(name)


# ids


def test_an_id_is_the_same_for_the_same_parts_only() -> None:
    assert build_id("a", ["b"]) == build_id("a", ["b"])
    assert build_id({"x": 1, "y": 2}) == build_id({"y": 2, "x": 1})
    ids = {
        build_id(),
        build_id("a"),
        build_id("b"),
        build_id("a", "b"),
        build_id(["a", "b"]),
        build_id("ab"),
        build_id(1),
    }
    assert len(ids) == 7
    assert all(len(one) == 16 and set(one) <= set("0123456789abcdef") for one in ids)


def ids_of(
    graph: Graph = LAKE,
    sql: Mapping[str, str] | None = None,
    landed: Mapping[str, str] | None = None,
    product: str = "1.0",
) -> dict[str, str]:
    digests = dict.fromkeys(graph, "sql") | dict(sql or {})
    return build_ids(order(graph, FEEDS), graph, digests, dict.fromkeys(FEEDS, "files") | dict(landed or {}), product)


def changed(ids: Mapping[str, str]) -> set[str]:
    before = ids_of()
    assert ids.keys() == before.keys()
    return {name for name in ids if ids[name] != before[name]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set()),
        ({"landed": {"step_trainer_landing": "new"}},
         {"step_trainer_landing", "step_trainer_trusted", "machine_learning_curated"}),
        ({"landed": {"accelerometer_landing": "new"}},
         {"accelerometer_landing", *LAKE} - {"customer_trusted"}),
        ({"landed": {"customer_landing": "new"}}, {"customer_landing", *LAKE}),
        ({"sql": {"machine_learning_curated": "new"}}, {"machine_learning_curated"}),
        ({"sql": {"customers_curated": "new"}},
         {"customers_curated", "step_trainer_trusted", "machine_learning_curated"}),
        ({"product": "1.1"}, set(LAKE)),
    ],
)  # fmt: skip
def test_a_change_gives_new_ids_to_what_is_made_from_it(change: dict[str, object], expected: set[str]) -> None:
    assert changed(ids_of(**change)) == expected  # type: ignore[arg-type]


# stale


def stale_of(
    ids: Mapping[str, str], published: Mapping[str, str], damaged: tuple[str, ...] = (), force: str = ""
) -> dict[str, str]:
    return stale(order(LAKE, FEEDS), LAKE, ids, published, damaged, force=force)


NEW = "not built yet"
DAMAGED = "its files are missing or changed"
SQL = "its SQL changed"


@pytest.mark.parametrize(
    ("ids", "published", "damaged", "force", "expected"),
    [
        pytest.param(ids_of(), {}, (), "", dict.fromkeys(LAKE, NEW), id="nothing built"),
        pytest.param(ids_of(), ids_of(), (), "", {}, id="nothing changed"),
        pytest.param(ids_of(), ids_of(), (), "forced", dict.fromkeys(LAKE, "forced"), id="forced"),
        pytest.param(
            ids_of(), ids_of(), ("accelerometer_trusted",), "", {"accelerometer_trusted": DAMAGED}, id="damaged"
        ),
        pytest.param(
            ids_of(),
            ids_of(),
            ("customers_curated",),
            "forced",
            dict.fromkeys(LAKE, "forced") | {"customers_curated": DAMAGED},
            id="damaged and forced",
        ),
        pytest.param(
            ids_of(sql={"customers_curated": "new"}),
            ids_of(),
            (),
            "",
            {
                "customers_curated": SQL,
                "step_trainer_trusted": "customers_curated changed",
                "machine_learning_curated": "step_trainer_trusted changed",
            },
            id="SQL changed",
        ),
        pytest.param(
            ids_of(landed={"accelerometer_landing": "new", "step_trainer_landing": "new"}),
            ids_of(),
            (),
            "",
            {
                "accelerometer_trusted": "accelerometer_landing changed",
                "customers_curated": "accelerometer_trusted changed",
                "step_trainer_trusted": "customers_curated, step_trainer_landing changed",
                "machine_learning_curated": "accelerometer_trusted, step_trainer_trusted changed",
            },
            id="two feeds changed",
        ),
        pytest.param(
            ids_of(),
            {name: one for name, one in ids_of().items() if name != "machine_learning_curated"},
            (),
            "",
            {"machine_learning_curated": NEW},
            id="a stage is new",
        ),
        pytest.param(ids_of(product="2"), ids_of(), (), "", dict.fromkeys(LAKE, "its SQL changed") | {
            "accelerometer_trusted": "customer_trusted changed",
            "customers_curated": "accelerometer_trusted, customer_trusted changed",
            "step_trainer_trusted": "customers_curated changed",
            "machine_learning_curated": "accelerometer_trusted, step_trainer_trusted changed",
        }, id="another version of the product"),
        pytest.param(ids_of(), ids_of() | {"gone": "x"}, ("gone",), "", {}, id="a table that is no more"),
    ],
)  # fmt: skip
def test_what_is_stale_and_why(
    ids: dict[str, str], published: dict[str, str], damaged: tuple[str, ...], force: str, expected: dict[str, str]
) -> None:
    found = stale_of(ids, published, damaged, force)
    assert found == expected
    assert list(found) == [name for name in order(LAKE, FEEDS) if name in expected]
