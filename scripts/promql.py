"""What can be told of a PromQL expression without a server: its metrics, its labels, and its parts."""

from __future__ import annotations

import re
from dataclasses import dataclass

WORDS = {
    *("and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right"),
    *("bool", "offset", "inf", "nan"),
}
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
GROUPING = r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)"
COMPARISON = re.compile(r"(==|!=|>=|<=|>|<)(?!\s*bool)")


@dataclass(frozen=True)
class Selector:
    metric: str
    labels: frozenset[str]


def selectors(expr: str) -> list[Selector]:
    """The metrics that `expr` reads, each with the labels it is matched by."""
    bare = re.sub(GROUPING, "", _without_strings(expr))
    found: list[Selector] = []
    for match in re.finditer(rf"({NAME})\s*(\{{[^{{}}]*\}}|\()?", _without_matchers(bare)):
        name, behind = match[1], match[2]
        if behind == "(" or name.lower() in WORDS:
            continue
        found.append(Selector(name, frozenset()))
    matched = [
        Selector(name, frozenset(re.findall(rf"({NAME})\s*[=!]", inner)))
        for name, inner in re.findall(rf"({NAME})\s*\{{([^{{}}]*)\}}", bare)
    ]
    with_labels = {one.metric for one in matched}
    return matched + [one for one in found if one.metric not in with_labels]


def grouped_by(expr: str) -> set[str]:
    """The labels that aggregations and vector matching name."""
    lists = re.findall(GROUPING, _without_strings(expr))
    return {label.strip() for one in lists for label in one.split(",") if label.strip()}


def _without_strings(expr: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', expr)


def _without_matchers(expr: str) -> str:
    """Label matchers, ranges and durations go, so that only names of metrics and functions are left."""
    expr = re.sub(r"\{[^{}]*\}", " ", expr)
    expr = re.sub(r"\[[^\]]*\]", " ", expr)
    return re.sub(r"\b\d[\w.]*", " ", expr)


def _depths(expr: str) -> list[bool]:
    """For each character whether it stands outside of strings, braces and parentheses."""
    outside: list[bool] = []
    depth, quoted = 0, False
    for character in expr:
        if character == '"':
            quoted = not quoted
        elif not quoted and character in "({[":
            depth += 1
        elif not quoted and character in ")}]":
            depth -= 1
        outside.append(depth == 0 and not quoted)
    return outside


def answerable(condition: str) -> list[str]:
    """The parts of an alert's condition, each with an answer also while it is not met.

    A condition that is not met has no answer at all, and so has one that names what does not exist. With `bool` a
    comparison answers 0 or 1; `and` and `or` are taken apart, for one arm would hide the other.
    """
    outside = _depths(condition)
    parts: list[str] = []
    start = 0
    for match in re.finditer(r"\b(?:and|or)\b", condition):
        if outside[match.start()]:
            parts.append(condition[start : match.start()])
            start = match.end()
    parts.append(condition[start:])
    return [_with_bool(part.strip()) for part in parts]


def _with_bool(part: str) -> str:
    outside = _depths(part)
    return COMPARISON.sub(
        lambda match: f"{match[0]} bool" if outside[match.start()] else match[0], part
    )
