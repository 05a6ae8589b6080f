"""Grafana's dashboard JSON from panels that say only what differs between them.

Every panel reads the data source of the variable `datasource` and only the hubs of the variable `instance`: in
an expression `@` stands for that label matcher.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

COLUMNS = 24
SCHEMA_VERSION = 39  # Grafana 11 and 12
SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
INSTANCE = 'instance=~"$instance"'


@dataclass(frozen=True)
class Query:
    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    title: str
    description: str
    unit: str  # of Grafana: s, bytes, percentunit, reqps, …
    queries: tuple[Query, ...]
    width: int = 8
    kind: str = "timeseries"  # or stat
    text: str = "auto"  # what a stat shows: value, name, value_and_name
    stack: bool = False
    limits: tuple[tuple[str, float], ...] = ()  # colour from here on
    minimum: float | None = 0
    maximum: float | None = None

    @property
    def height(self) -> int:
        return 4 if self.kind == "stat" else 8


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    refresh: str = "5s"
    tags: tuple[str, ...] = field(default=("mlx-hub",))


def rate(metric: str, by: str = "", matchers: str = "@") -> str:
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{matchers}}}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str = "", matchers: str = "@") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', labels, matchers)})"


def quantiles(metric: str, by: str = "", matchers: str = "@") -> tuple[Query, ...]:
    """The median and the two tails that people ask for, one line each and label."""
    labels = "".join(f" {{{{{label.strip()}}}}}" for label in by.split(",") if label)
    return tuple(
        Query(quantile(share, metric, by, matchers), f"p{share * 100:.0f}{labels}")
        for share in (0.5, 0.95, 0.99)
    )


def of_all(metric: str, by: str) -> tuple[Query, ...]:
    """Median and tail since the server started: of what is too rare for a rate, whose first one no rate sees."""
    buckets = f"sum by (le, {by}) ({metric}_bucket{{@}})"
    return tuple(
        Query(f"histogram_quantile({share}, {buckets})", f"p{share * 100:.0f} {{{{{by}}}}}")
        for share in (0.5, 0.95)
    )


def render(dashboard: Dashboard, others: tuple[Dashboard, ...]) -> Json:
    panels: list[Json] = []
    top = 0
    for row in dashboard.rows:
        panels.append(_row_json(row, len(panels) + 1, top))
        top += 1
        left, height = 0, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                left, top, height = 0, top + height, 0
            position = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            panels.append(_panel_json(panel, len(panels) + 1, position))
            left, height = left + panel.width, max(height, panel.height)
        top += height
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": list(dashboard.tags),
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # the cross hair is in all panels
        "refresh": dashboard.refresh,
        "time": {"from": "now-30m", "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m"]},
        "timezone": "browser",
        "annotations": {"list": [_alerts()]},
        "templating": {"list": [_source_variable(), _instance_variable()]},
        "links": [
            {"title": other.title, "type": "link", "url": f"/d/{other.uid}", "keepTime": True}
            for other in others
            if other.uid != dashboard.uid
        ],
        "panels": panels,
    }


def _row_json(row: Row, identity: int, top: int) -> Json:
    return {
        "id": identity,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": top},
        "panels": [],
    }


def _panel_json(panel: Panel, identity: int, position: Json) -> Json:
    defaults: Json = {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
        "thresholds": {
            "mode": "absolute",
            "steps": [
                {"color": "green", "value": None},
                *({"color": color, "value": value} for color, value in panel.limits),
            ],
        },
    }
    if panel.minimum is not None:
        defaults["min"] = panel.minimum
    if panel.maximum is not None:
        defaults["max"] = panel.maximum
    options: Json
    if panel.kind == "stat":
        options = {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": panel.text,
            "colorMode": "value",
            "graphMode": "area",
        }
    else:
        defaults["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 25 if panel.stack else 8,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stack else "none", "group": "A"},
        }
        options = {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return {
        "id": identity,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": position,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query.expr.replace("@", INSTANCE),
                "legendFormat": query.legend,
                "range": True,
            }
            for index, query in enumerate(panel.queries)
        ],
    }


def _source_variable() -> Json:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {"text": "Prometheus", "value": "mlx-hub-prometheus"},
        "hide": 0,
    }


def _instance_variable() -> Json:
    return {
        "name": "instance",
        "label": "Hub",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": "label_values(mlx_hub_build_info, instance)", "refId": "instance"},
        "definition": "label_values(mlx_hub_build_info, instance)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "hide": 0,
    }


def _alerts() -> Json:
    """Alerts that fire are marked in every graph."""
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": f'ALERTS{{alertstate="firing", {INSTANCE}}}',
        "titleFormat": "{{alertname}}",
    }
