"""scripts/promql.py reads expressions as Prometheus does, as far as it goes."""

from __future__ import annotations

import promql
import pytest

QUANTILE = (
    'histogram_quantile(0.95, sum by (le, http_route) (rate(a_seconds_bucket{instance=~"$instance"}'
    "[$__rate_interval])))"
)


def names(expr: str) -> set[str]:
    return {one.metric for one in promql.selectors(expr)}


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        ("up", {"up"}),
        (QUANTILE, {"a_seconds_bucket"}),
        ("a_total offset 10m > 2 or b unless on (x) group_left (y) c", {"a_total", "b", "c"}),
        ("rate(a[5m]) / ignoring (state) b * 1e3 == Inf", {"a", "b"}),
        ('sum(instance:a:rate5m{b="c_d"}) > bool 0', {"instance:a:rate5m"}),
        ('a{text="sum(b) and \\"c\\""}', {"a"}),
    ],
)
def test_metrics_are_found(expr: str, wanted: set[str]) -> None:
    assert names(expr) == wanted


def test_labels_are_found() -> None:
    found = promql.selectors('a{x="1", y!~"2"} / on (z) b')
    assert {one.metric: set(one.labels) for one in found} == {"a": {"x", "y"}, "b": set()}
    assert promql.grouped_by(QUANTILE) == {"le", "http_route"}


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        ('up{job="a"} == 0', ['up{job="a"} == bool 0']),
        ('a > 1 or b{c!="d"} < 2', ["a > bool 1", 'b{c!="d"} < bool 2']),
        ("(a unless b offset 1m) > 2", ["(a unless b offset 1m) > bool 2"]),
        ("a > 1 and (b or c) >= 3", ["a > bool 1", "(b or c) >= bool 3"]),
        ("a != a", ["a != bool a"]),
    ],
)
def test_a_condition_that_is_not_met_gets_an_answer(condition: str, parts: list[str]) -> None:
    assert promql.answerable(condition) == parts
