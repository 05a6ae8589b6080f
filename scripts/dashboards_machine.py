"""The panels of the dashboards Machine (GPUs, too) and Hub (names: docs/metrics.md)."""

from __future__ import annotations

from grafana_json import Dashboard, Panel, Query, Row, quantile, rate

HOST = Dashboard(
    uid="mlx-hub-host",
    title="Machine",
    description="Processor, memory, disk, heat and GPUs. What a machine does not tell is absent.",
    rows=(
        Row(
            "Processor and heat",
            (
                Panel(
                    "Processor time",
                    "Shares of all cores.",
                    "percentunit",
                    (
                        Query(
                            f"{rate('mlx_hub_host_cpu_seconds_total', 'instance, mode')} "
                            "/ on (instance) group_left () "
                            f"{rate('mlx_hub_host_cpu_seconds_total', 'instance')}",
                            "{{mode}}",
                        ),
                    ),
                    stack=True,
                    maximum=1,
                ),
                Panel(
                    "Busy",
                    "Neither idle nor waiting for a disk, over a minute (a recording rule).",
                    "percentunit",
                    (Query("instance:mlx_hub_host_cpu_busy:ratio_rate1m{@}", "{{instance}}"),),
                    maximum=1,
                ),
                Panel(
                    "Load and cores",
                    "Processes that run or want to, mean of a minute.",
                    "short",
                    (
                        Query("mlx_hub_host_load1{@}", "load {{instance}}"),
                        Query("mlx_hub_host_cpus{@}", "cores {{instance}}"),
                    ),
                ),
                Panel(
                    "Processor time of the hub",
                    "Cores that the server and its workers use.",
                    "short",
                    (
                        Query(
                            rate("process_cpu_seconds_total", matchers='job="mlx-hub", @'), "server"
                        ),
                        Query(rate("mlx_hub_worker_cpu_seconds_total", "worker"), "{{worker}}"),
                    ),
                    stack=True,
                ),
                Panel(
                    "Temperatures",
                    "Of every sensor that answers without privileges.",
                    "celsius",
                    (Query("mlx_hub_host_temperature_celsius{@}", "{{sensor}}"),),
                    limits=(("orange", 85), ("red", 95)),
                ),
                Panel(
                    "Jobs rest",
                    "1: it is too hot, and jobs wait between their steps (temperature_limit_celsius).",
                    "short",
                    (Query("mlx_hub_host_thermal_resting{@}", "{{instance}}"),),
                    maximum=1,
                ),
            ),
        ),
        Row(
            "Memory and disk",
            (
                Panel(
                    "Memory",
                    "Of all processes.",
                    "bytes",
                    (Query("mlx_hub_host_memory_bytes{@}", "{{state}}"),),
                ),
                Panel(
                    "Memory pressure",
                    "Linux: share of the time in which something waited for memory; macOS: 0, 0.5, 1 for normal, "
                    "warning, critical.",
                    "percentunit",
                    (Query("mlx_hub_host_memory_pressure_ratio{@}", "{{instance}}"),),
                    maximum=1,
                ),
                Panel(
                    "Swap",
                    "Weights in swap make everything slow.",
                    "bytes",
                    (Query("mlx_hub_host_swap_bytes{@}", "{{state}}"),),
                ),
                Panel(
                    "Disk of the data folder",
                    "Its file system's size, and what is free.",
                    "bytes",
                    (Query("mlx_hub_host_disk_bytes{@}", "{{state}}"),),
                    width=12,
                ),
                Panel(
                    "Free share of the disk",
                    "Below 5 % an alert fires (a recording rule).",
                    "percentunit",
                    (Query("instance:mlx_hub_host_disk_free:ratio{@}", "{{instance}}"),),
                    width=12,
                    maximum=1,
                ),
            ),
        ),
        Row(
            "GPUs",
            (
                Panel(
                    "GPU",
                    "What is there, and its driver.",
                    "short",
                    (Query("mlx_hub_gpu_info{@}", "{{gpu}}: {{name}}, {{driver}}"),),
                    kind="stat",
                    text="name",
                    width=24,
                ),
                Panel(
                    "Utilization",
                    "Share of the time in which a kernel ran.",
                    "percentunit",
                    (Query("mlx_hub_gpu_utilization_ratio{@}", "GPU {{gpu}}"),),
                    maximum=1,
                ),
                Panel(
                    "GPU memory",
                    "Of all processes.",
                    "bytes",
                    (Query("mlx_hub_gpu_memory_bytes{@}", "GPU {{gpu}} {{state}}"),),
                ),
                Panel(
                    "GPU temperature",
                    "Above 88 °C an alert fires.",
                    "celsius",
                    (Query("mlx_hub_gpu_temperature_celsius{@}", "GPU {{gpu}}"),),
                ),
                Panel(
                    "Power",
                    "Drawn now.",
                    "watt",
                    (Query("mlx_hub_gpu_power_watts{@}", "GPU {{gpu}}"),),
                    width=12,
                ),
                Panel(
                    "Power, of its limit",
                    "At 1 the GPU slows itself down.",
                    "percentunit",
                    (
                        Query(
                            "mlx_hub_gpu_power_watts{@} / mlx_hub_gpu_power_limit_watts{@}",
                            "GPU {{gpu}}",
                        ),
                    ),
                    width=12,
                ),
            ),
        ),
    ),
)

HUB = Dashboard(
    uid="mlx-hub-hub",
    title="Hub",
    description="The server itself: its database, log, traces, MLflow and process.",
    rows=(
        Row(
            "What it is",
            (
                Panel(
                    "Version",
                    "Of the running server.",
                    "short",
                    (Query("mlx_hub_build_info{@}", "{{version}}"),),
                    width=6,
                    kind="stat",
                    text="name",
                ),
                Panel(
                    "Up for",
                    "Since the server started.",
                    "s",
                    (
                        Query(
                            'time() - process_start_time_seconds{job="mlx-hub", @}', "{{instance}}"
                        ),
                    ),
                    width=6,
                    kind="stat",
                ),
                Panel(
                    "Models",
                    "Registered.",
                    "short",
                    (Query("mlx_hub_models{@}", "{{instance}}"),),
                    width=6,
                    kind="stat",
                ),
                Panel(
                    "Data sets",
                    "Registered.",
                    "short",
                    (Query("mlx_hub_datasets{@}", "{{instance}}"),),
                    width=6,
                    kind="stat",
                ),
            ),
        ),
        Row(
            "Database and log",
            (
                Panel(
                    "Database",
                    "Its file and the write-ahead log.",
                    "bytes",
                    (Query("mlx_hub_database_bytes{@}", "{{file}}"),),
                ),
                Panel(
                    "Transactions",
                    "A second.",
                    "short",
                    (Query(rate("mlx_hub_database_transactions_total", "kind"), "{{kind}}"),),
                ),
                Panel(
                    "Wait for the database, p95",
                    "For a connection, or for one's turn to write.",
                    "s",
                    (Query(quantile(0.95, "mlx_hub_database_wait_seconds", "kind"), "{{kind}}"),),
                ),
                Panel(
                    "Log records",
                    "A second, by level.",
                    "short",
                    (Query(rate("mlx_hub_log_records_total", "level"), "{{level}}"),),
                    width=12,
                    stack=True,
                ),
                Panel(
                    "Events",
                    "A second, of the event log that GET /events shows.",
                    "short",
                    (Query(rate("mlx_hub_events_total"), "events"),),
                    width=12,
                ),
            ),
        ),
        Row(
            "MLflow and traces",
            (
                Panel(
                    "MLflow answers",
                    "1: its last answer was one.",
                    "short",
                    (Query("mlx_hub_mlflow_up{@}", "{{instance}}"),),
                    maximum=1,
                ),
                Panel(
                    "Outbox",
                    "What MLflow was not told yet, and what it refuses.",
                    "short",
                    (Query("mlx_hub_mlflow_outbox_entries{@}", "{{state}}"),),
                ),
                Panel(
                    "Oldest in the outbox",
                    "Its age.",
                    "s",
                    (Query("mlx_hub_mlflow_outbox_oldest_seconds{@}", "{{instance}}"),),
                ),
                Panel(
                    "Delivered to MLflow",
                    "Objects a second.",
                    "short",
                    (Query(rate("mlx_hub_mlflow_delivered_total"), "delivered"),),
                ),
                Panel(
                    "Spans",
                    "A second: exported, dropped since the queue was full, failed at the receiver.",
                    "short",
                    (Query(rate("mlx_hub_spans_total", "outcome"), "{{outcome}}"),),
                ),
                Panel(
                    "Spans that wait",
                    "For the exporter's next call.",
                    "short",
                    (Query("mlx_hub_spans_waiting{@}", "{{instance}}"),),
                ),
            ),
        ),
        Row(
            "Process of the server",
            (
                Panel(
                    "Resident memory",
                    "Of the server, without its workers.",
                    "bytes",
                    (Query('process_resident_memory_bytes{job="mlx-hub", @}', "{{instance}}"),),
                ),
                Panel(
                    "File descriptors",
                    "Open, of those that it may open.",
                    "percentunit",
                    (
                        Query(
                            'process_open_fds{job="mlx-hub", @} / process_max_fds{job="mlx-hub", @}',
                            "{{instance}}",
                        ),
                    ),
                    maximum=1,
                ),
                Panel(
                    "Threads",
                    "Of the server.",
                    "short",
                    (Query('process_threads{job="mlx-hub", @}', "{{instance}}"),),
                ),
            ),
        ),
    ),
)
