"""The panels of the dashboard Serving (names: docs/metrics.md)."""

from __future__ import annotations

from grafana_json import Dashboard, Panel, Query, Row, quantile, quantiles, rate

MODEL = "gen_ai_request_model"
HTTP = "http_server_request_duration_seconds"

SERVING = Dashboard(
    uid="mlx-hub-serving",
    title="Serving",
    description="Requests, the time of an answer and its tokens, and the engines that make them.",
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "Hub",
                    "1: Prometheus can read its metrics.",
                    "short",
                    (Query('up{job="mlx-hub", @}', "{{instance}}"),),
                    width=4,
                    kind="stat",
                ),
                Panel(
                    "Requests",
                    "Answers a second, of all routes.",
                    "reqps",
                    (Query(rate(f"{HTTP}_count"), "requests"),),
                    width=4,
                    kind="stat",
                ),
                Panel(
                    "Generated tokens",
                    "Tokens a second, of all engines.",
                    "short",
                    (
                        Query(
                            rate("mlx_hub_engine_tokens_total", matchers='@, phase="decode"'),
                            "tokens/s",
                        ),
                    ),
                    width=4,
                    kind="stat",
                ),
                Panel(
                    "First token, p95",
                    "Nineteen in twenty requests had their first token after so long.",
                    "s",
                    (Query(quantile(0.95, "gen_ai_server_time_to_first_token_seconds"), "p95"),),
                    width=4,
                    kind="stat",
                    limits=(("orange", 2), ("red", 5)),
                ),
                Panel(
                    "Running",
                    "Sequences that engines decode.",
                    "short",
                    (Query('sum(mlx_hub_engine_requests{@, state="running"})', "running"),),
                    width=4,
                    kind="stat",
                ),
                Panel(
                    "Waiting",
                    "Sequences that wait for room in an engine.",
                    "short",
                    (Query('sum(mlx_hub_engine_requests{@, state="waiting"})', "waiting"),),
                    width=4,
                    kind="stat",
                    limits=(("orange", 8), ("red", 32)),
                ),
            ),
        ),
        Row(
            "Requests",
            (
                Panel(
                    "Requests by route",
                    "Answers a second. An empty route: none matched.",
                    "reqps",
                    (
                        Query(
                            rate(f"{HTTP}_count", "http_request_method, http_route"),
                            "{{http_request_method}} {{http_route}}",
                        ),
                    ),
                ),
                Panel(
                    "Time of a request by route, p95",
                    "From the first byte of the request to the last of the answer, so a stream counts whole.",
                    "s",
                    (Query(quantile(0.95, HTTP, "http_route"), "{{http_route}}"),),
                ),
                Panel(
                    "Answers by status",
                    "499: the client went away.",
                    "reqps",
                    (
                        Query(
                            rate(f"{HTTP}_count", "http_response_status_code"),
                            "{{http_response_status_code}}",
                        ),
                    ),
                    stack=True,
                ),
                Panel(
                    "Share of server errors",
                    "5xx of all answers, over five minutes (a recording rule).",
                    "percentunit",
                    (Query("instance:http_server_errors:ratio_rate5m{@}", "{{instance}}"),),
                    maximum=1,
                ),
                Panel(
                    "Requests in flight",
                    "Those whose handler runs or waits; a stream holds one until it ends.",
                    "short",
                    (Query("http_server_active_requests{@}", "{{instance}}"),),
                ),
                Panel(
                    "Answered bytes by route",
                    "Bodies only.",
                    "Bps",
                    (
                        Query(
                            rate("http_server_response_body_bytes_total", "http_route"),
                            "{{http_route}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "API keys",
            (
                Panel(
                    "Requests by key",
                    "Let in; of the keys the first 50 are told apart.",
                    "reqps",
                    (Query(rate("mlx_hub_key_requests_total", "key"), "{{key}}"),),
                    stack=True,
                ),
                Panel(
                    "Requests beyond a limit",
                    "Refused with 429, by key and limit.",
                    "reqps",
                    (
                        Query(
                            rate("mlx_hub_key_refused_requests_total", "key, limit"),
                            "{{key}} {{limit}}",
                        ),
                    ),
                ),
                Panel(
                    "Tokens by key",
                    "Of prompts (input) and answers (output).",
                    "short",
                    (
                        Query(
                            rate("mlx_hub_key_tokens_total", "key, gen_ai_token_type"),
                            "{{key}} {{gen_ai_token_type}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Time of an answer",
            (
                Panel(
                    "Time to first token",
                    "From the arrival in the engine's process: the queue and the prompt.",
                    "s",
                    quantiles("gen_ai_server_time_to_first_token_seconds", MODEL),
                ),
                Panel(
                    "Time between tokens",
                    "Between two tokens of one answer.",
                    "s",
                    quantiles("gen_ai_server_time_per_output_token_seconds", MODEL),
                ),
                Panel(
                    "Time of a generation, p95",
                    "In the engine's process, by the reason it ended.",
                    "s",
                    (
                        Query(
                            quantile(
                                0.95,
                                "gen_ai_server_request_duration_seconds",
                                f"{MODEL}, finish_reason",
                            ),
                            "{{gen_ai_request_model}} {{finish_reason}}",
                        ),
                    ),
                ),
                Panel(
                    "Wait in the queue",
                    "Until the engine began with the prompt.",
                    "s",
                    quantiles("mlx_hub_engine_queue_wait_seconds", MODEL),
                ),
                Panel(
                    "Prefill",
                    "From there to the first token: grows with the prompt, less what the prefix cache knew.",
                    "s",
                    quantiles("mlx_hub_engine_prefill_seconds", MODEL),
                ),
                Panel(
                    "Tokens of a request, median",
                    "Of the prompt (input) and of the answer (output).",
                    "short",
                    (
                        Query(
                            quantile(
                                0.5, "gen_ai_client_token_usage", f"{MODEL}, gen_ai_token_type"
                            ),
                            "{{gen_ai_request_model}} {{gen_ai_token_type}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Engines",
            (
                Panel(
                    "Tokens through the model",
                    "A second; prefill: of prompts, decode: generated.",
                    "short",
                    (
                        Query(
                            rate("mlx_hub_engine_tokens_total", f"{MODEL}, phase"),
                            "{{gen_ai_request_model}} {{phase}}",
                        ),
                    ),
                ),
                Panel(
                    "Mean batch size",
                    "Sequences in a forward pass.",
                    "short",
                    (
                        Query(
                            f"{rate('mlx_hub_engine_step_sequences_total', MODEL)} / "
                            f"{rate('mlx_hub_engine_steps_total', MODEL)}",
                            "{{gen_ai_request_model}}",
                        ),
                    ),
                ),
                Panel(
                    "Sequences",
                    "Running and waiting, of each engine.",
                    "short",
                    (Query("mlx_hub_engine_requests{@}", "{{gen_ai_request_model}} {{state}}"),),
                ),
                Panel(
                    "Key-value cache",
                    "Held now, of the most it may hold.",
                    "percentunit",
                    (
                        Query(
                            "mlx_hub_engine_kv_cache_bytes{@} / mlx_hub_engine_kv_cache_limit_bytes{@}",
                            "{{gen_ai_request_model}}",
                        ),
                    ),
                    maximum=1,
                ),
                Panel(
                    "Preemptions",
                    "Sequences a second that gave their cache up and waited again: kv_budget_bytes is tight.",
                    "short",
                    (
                        Query(
                            rate("mlx_hub_engine_preemptions_total", MODEL),
                            "{{gen_ai_request_model}}",
                        ),
                    ),
                ),
                Panel(
                    "Refused and slow",
                    "Requests a second that were refused since too many waited, and steps a second that took"
                    " longer than engine_slow_step_seconds.",
                    "short",
                    (
                        Query(
                            "sum by (gen_ai_request_model, reason)"
                            " (rate(mlx_hub_engine_refused_total{@}[$__rate_interval]))",
                            "{{gen_ai_request_model}} {{reason}}",
                        ),
                        Query(
                            rate("mlx_hub_engine_slow_steps_total", MODEL),
                            "{{gen_ai_request_model}} slow steps",
                        ),
                    ),
                ),
                Panel(
                    "Prompt tokens from the cache",
                    "Of all prompt tokens those whose keys and values an earlier request had left.",
                    "percentunit",
                    (
                        Query(
                            "sum by (gen_ai_request_model)"
                            " (rate(mlx_hub_engine_cached_prompt_tokens_total{@}[$__rate_interval]))"
                            " / (sum by (gen_ai_request_model)"
                            " (rate(mlx_hub_engine_cached_prompt_tokens_total{@}[$__rate_interval]))"
                            " + sum by (gen_ai_request_model)"
                            ' (rate(mlx_hub_engine_tokens_total{@, phase="prefill"}[$__rate_interval])))',
                            "{{gen_ai_request_model}}",
                        ),
                    ),
                    maximum=1,
                ),
                Panel(
                    "Prefix cache",
                    "Keys and values that ended requests left for the next ones.",
                    "bytes",
                    (Query("mlx_hub_engine_prefix_cache_bytes{@}", "{{gen_ai_request_model}}"),),
                ),
                Panel(
                    "Speculation",
                    "Tokens a second that were guessed and checked, and of them those that came: by what the "
                    "grammar forced, by what stood in the text before, by the draft model or the model's own head.",
                    "short",
                    (
                        Query(
                            rate("mlx_hub_engine_drafted_tokens_total", f"{MODEL}, source"),
                            "{{gen_ai_request_model}} {{source}} guessed",
                        ),
                        Query(
                            rate("mlx_hub_engine_accepted_draft_tokens_total", f"{MODEL}, source"),
                            "{{gen_ai_request_model}} {{source}} came",
                        ),
                    ),
                ),
                Panel(
                    "Prefixes on disk",
                    "Keys and values in files, which survive a restart.",
                    "bytes",
                    (Query("mlx_hub_engine_prefix_disk_bytes{@}", "{{gen_ai_request_model}}"),),
                ),
                Panel(
                    "Prompt tokens from the disk",
                    "A second; their keys and values were read from a file.",
                    "short",
                    (
                        Query(
                            rate("mlx_hub_engine_prefix_disk_tokens_total", MODEL),
                            "{{gen_ai_request_model}}",
                        ),
                    ),
                ),
                Panel(
                    "Files of prefixes",
                    "A second: saved, loaded, and skipped, as the disk is full or too slow.",
                    "short",
                    (
                        Query(
                            rate("mlx_hub_engine_prefix_files_total", f"{MODEL}, outcome"),
                            "{{gen_ai_request_model}} {{outcome}}",
                        ),
                    ),
                ),
                Panel(
                    "Adapters",
                    "Attached to each engine.",
                    "short",
                    (Query("mlx_hub_engine_adapters{@}", "{{gen_ai_request_model}}"),),
                ),
                Panel(
                    "Engines by state",
                    "Loading or ready.",
                    "short",
                    (Query("sum by (state) (mlx_hub_engines{@})", "{{state}}"),),
                    stack=True,
                ),
                Panel(
                    "Ends of engines",
                    "Since the server started, by reason; crashed and failed ones have a log.",
                    "short",
                    (Query("sum by (reason) (mlx_hub_engine_ends_total{@})", "{{reason}}"),),
                ),
                Panel(
                    "Time to load an engine",
                    "Until it was ready, mean since the server started.",
                    "s",
                    (
                        Query(
                            "sum(mlx_hub_engine_load_seconds_sum{@}) / "
                            "sum(mlx_hub_engine_load_seconds_count{@})",
                            "mean",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
