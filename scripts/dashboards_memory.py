"""The panels of the dashboard Memory ledger (names: docs/metrics.md)."""

from __future__ import annotations

from grafana_json import Dashboard, Panel, Query, Row

MEMORY = Dashboard(
    uid="mlx-hub-memory",
    title="Memory ledger",
    description="Who holds and who was promised memory, and what MLX and the machine say of it.",
    rows=(
        Row(
            "The ledger",
            (
                Panel(
                    "Reserved share",
                    "Of the budget; at 1 nothing new starts until something ends or is unloaded.",
                    "percentunit",
                    (Query("instance:mlx_hub_memory_reserved:ratio{@}", "{{instance}}"),),
                    width=6,
                    kind="stat",
                    limits=(("orange", 0.8), ("red", 0.95)),
                    maximum=1,
                ),
                Panel(
                    "Budget",
                    "memory_fraction of the machine's memory, or memory_budget_bytes.",
                    "bytes",
                    (Query("mlx_hub_memory_budget_bytes{@}", "{{instance}}"),),
                    width=6,
                    kind="stat",
                ),
                Panel(
                    "Free for a reservation",
                    "What a new one could get now.",
                    "bytes",
                    (Query("mlx_hub_memory_free_bytes{@}", "{{instance}}"),),
                    width=6,
                    kind="stat",
                ),
                Panel(
                    "Promised",
                    "Reserved, but not yet taken.",
                    "bytes",
                    (Query("mlx_hub_memory_promised_bytes{@}", "{{instance}}"),),
                    width=6,
                    kind="stat",
                ),
                Panel(
                    "Budget and reservations",
                    "Reservations stay within the budget.",
                    "bytes",
                    (
                        Query("mlx_hub_memory_budget_bytes{@}", "budget {{instance}}"),
                        Query("mlx_hub_memory_reserved_bytes{@}", "reserved {{instance}}"),
                        Query("mlx_hub_memory_promised_bytes{@}", "promised {{instance}}"),
                        Query("mlx_hub_memory_free_bytes{@}", "free {{instance}}"),
                    ),
                    width=12,
                ),
                Panel(
                    "Reserved by owner",
                    "The ledger's lines: engines and jobs.",
                    "bytes",
                    (Query('mlx_hub_memory_line_bytes{@, amount="reserved"}', "{{owner}}"),),
                    width=12,
                    stack=True,
                ),
                Panel(
                    "Estimated and measured, by owner",
                    "A peak above its estimate makes the next reservation larger.",
                    "bytes",
                    (
                        Query(
                            'mlx_hub_memory_line_bytes{@, amount=~"estimated|measured|peak"}',
                            "{{owner}} {{amount}}",
                        ),
                    ),
                    width=24,
                ),
            ),
        ),
        Row(
            "MLX and processes",
            (
                Panel(
                    "Active",
                    "In arrays, by MLX's own count.",
                    "bytes",
                    (Query("mlx_active_memory_bytes{@}", "{{worker}}"),),
                    stack=True,
                ),
                Panel(
                    "Cache",
                    "Freed by arrays and kept for the next.",
                    "bytes",
                    (Query("mlx_cache_memory_bytes{@}", "{{worker}}"),),
                    stack=True,
                ),
                Panel(
                    "Peak",
                    "The most in arrays since the worker began.",
                    "bytes",
                    (Query("mlx_peak_memory_bytes{@}", "{{worker}}"),),
                ),
                Panel(
                    "Resident",
                    "Of each worker, and of the server.",
                    "bytes",
                    (
                        Query("mlx_hub_worker_resident_bytes{@}", "{{worker}}"),
                        Query('process_resident_memory_bytes{job="mlx-hub", @}', "server"),
                    ),
                    stack=True,
                ),
                Panel(
                    "Keys and values",
                    "Of each engine, and its limit.",
                    "bytes",
                    (
                        Query("mlx_hub_engine_kv_cache_bytes{@}", "{{gen_ai_request_model}}"),
                        Query(
                            "mlx_hub_engine_kv_cache_limit_bytes{@}",
                            "limit {{gen_ai_request_model}}",
                        ),
                    ),
                ),
                Panel(
                    "The machine",
                    "All processes: used, and what is available.",
                    "bytes",
                    (Query('mlx_hub_host_memory_bytes{@, state=~"used|available"}', "{{state}}"),),
                    stack=True,
                ),
            ),
        ),
    ),
)
