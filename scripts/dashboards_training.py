"""The panels of the dashboard Training (names: docs/metrics.md)."""

from __future__ import annotations

from grafana_json import Dashboard, Panel, Query, Row, of_all, quantiles, rate

TRAINING = Dashboard(
    uid="mlx-hub-training",
    title="Training",
    description="Jobs that run (told apart by slot, not by id), and the queue.",
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "Running jobs",
                    "Of every kind.",
                    "short",
                    (Query('sum(mlx_hub_jobs{@, state="RUNNING"})', "running"),),
                    width=4,
                    kind="stat",
                ),
                Panel(
                    "Waiting jobs",
                    "In the queue.",
                    "short",
                    (Query('sum(mlx_hub_jobs{@, state="QUEUED"})', "queued"),),
                    width=4,
                    kind="stat",
                ),
                Panel(
                    "Progress",
                    "Done of the running jobs' steps.",
                    "percentunit",
                    (Query("mlx_hub_training_progress_ratio{@}", "slot {{slot}}"),),
                    width=4,
                    kind="stat",
                    maximum=1,
                ),
                Panel(
                    "Training loss",
                    "The last report's.",
                    "short",
                    (Query('mlx_hub_training_loss{@, split="train"}', "slot {{slot}}"),),
                    width=4,
                    kind="stat",
                    minimum=None,
                ),
                Panel(
                    "Steps",
                    "A second, of all jobs.",
                    "short",
                    (Query(rate("mlx_hub_training_steps_total"), "steps/s"),),
                    width=4,
                    kind="stat",
                ),
                Panel(
                    "Tokens",
                    "Trained on, a second, of all jobs.",
                    "short",
                    (Query(rate("mlx_hub_training_tokens_total"), "tokens/s"),),
                    width=4,
                    kind="stat",
                ),
            ),
        ),
        Row(
            "Running jobs",
            (
                Panel(
                    "Loss",
                    "train: mean of a report's window; eval: on the held-out rows.",
                    "short",
                    (Query("mlx_hub_training_loss{@}", "slot {{slot}} {{split}}"),),
                    width=12,
                    minimum=None,
                ),
                Panel(
                    "Progress",
                    "Done of all steps.",
                    "percentunit",
                    (Query("mlx_hub_training_progress_ratio{@}", "slot {{slot}}"),),
                    width=12,
                    maximum=1,
                ),
                Panel(
                    "Learning rate",
                    "As the schedule has it.",
                    "sci",
                    (Query("mlx_hub_training_learning_rate{@}", "slot {{slot}}"),),
                ),
                Panel(
                    "Gradient norm",
                    "Before it was clipped. What grows without end diverges.",
                    "short",
                    (Query("mlx_hub_training_gradient_norm{@}", "slot {{slot}}"),),
                ),
                Panel(
                    "Tokens a second",
                    "Of each job.",
                    "short",
                    (Query("mlx_hub_training_tokens_per_second{@}", "slot {{slot}}"),),
                ),
                Panel(
                    "Time of a step",
                    "Means of the reports' windows, of all jobs.",
                    "s",
                    quantiles("mlx_hub_training_step_seconds"),
                    width=12,
                ),
                Panel(
                    "Steps and tokens of all jobs",
                    "A second.",
                    "short",
                    (
                        Query(rate("mlx_hub_training_steps_total"), "steps"),
                        Query(rate("mlx_hub_training_tokens_total"), "tokens"),
                    ),
                    width=12,
                ),
            ),
        ),
        Row(
            "Queue",
            (
                Panel(
                    "Jobs by state",
                    "All that the hub knows of.",
                    "short",
                    (Query("sum by (state) (mlx_hub_jobs{@})", "{{state}}"),),
                    width=12,
                    stack=True,
                ),
                Panel(
                    "Finished",
                    "Since the server started, by kind and how they ended.",
                    "short",
                    (
                        Query(
                            "sum by (kind, state) (mlx_hub_jobs_finished_total{@})",
                            "{{kind}} {{state}}",
                        ),
                    ),
                    width=12,
                ),
                Panel(
                    "Wait in the queue",
                    "Until the start, by kind, of all jobs since the server started.",
                    "s",
                    of_all("mlx_hub_job_wait_seconds", "kind"),
                    width=12,
                ),
                Panel(
                    "Run time",
                    "From the start of the last attempt to the end, by kind, of all jobs since the server started.",
                    "s",
                    of_all("mlx_hub_job_run_seconds", "kind"),
                    width=12,
                ),
            ),
        ),
    ),
)
