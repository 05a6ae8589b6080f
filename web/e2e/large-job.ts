import type { Page, Route } from "@playwright/test";

export const jobId = "01a00000-0000-7000-8000-000000000001";

const points = 100_000;
const lines = 200_000;
const pageLength = 10_000;
const began = Date.parse("2026-01-01T00:00:00Z");

const timeAt = (step: number): string => new Date(began + step * 1000).toISOString();

const job = {
  id: jobId,
  type: "finetune",
  state: "COMPLETED",
  reason: null,
  last_error: null,
  attempt: 1,
  not_before: null,
  queue_position: null,
  priority: 0,
  cancel_requested: false,
  created_at: timeAt(0),
  started_at: timeAt(0),
  ended_at: timeAt(points),
  timeout_seconds: null,
  model: "smollm2-135m-instruct",
  model_version: { id: jobId, model: "smollm2-135m-instruct", version: 1 },
  dataset: { id: jobId, name: "rows", digest: "0".repeat(64) },
  params: { data_parallel: 1, save_every: 0 },
  output: { name: "long-run", alias: null },
  progress: { step: points, total: points, percent: 100, eta_seconds: null },
  metrics: { train_loss: 1, eval_loss: 1.1 },
  memory: { estimated_bytes: 200_000_000, peak_bytes: 150_000_000 },
  worker_pid: null,
  reproduces: null,
  result: null,
  details: {},
};

/** A loss that falls, with the noise of small batches; the same each time. */
function report(step: number): Record<string, unknown> {
  const noise = Math.sin(step * 12.9898) * 0.3 + Math.sin(step * 0.37) * 0.2;
  const loss = 1 + 4 * Math.exp(-step / 20_000) + noise;
  return {
    step,
    train_loss: loss,
    eval_loss: step % 1000 === 0 ? loss + 0.1 : null,
    learning_rate: 1e-4 * (1 - step / points) + 1e-9,
    tokens_per_second: 4000 + 500 * noise,
    iterations_per_second: 1,
    grad_norm: 2 + noise,
    peak_memory_bytes: 150_000_000 + step,
    time: timeAt(step),
  };
}

function metricPage(cursor: number): unknown {
  const data = Array.from({ length: Math.min(pageLength, points - cursor) }, (_, index) =>
    report(cursor + index + 1),
  );
  const end = cursor + data.length;
  return { data, next_cursor: end < points ? String(end) : null };
}

const logText = (): string =>
  Array.from(
    { length: lines },
    (_, index) => `${timeAt(index)} step ${index + 1}: loss ${(5 / (1 + index / 1e4)).toFixed(4)}`,
  ).join("\n");

/** Answers the calls of a job's page for a job with 100,000 reports and a log of 200,000 lines. */
export async function serveLargeJob(page: Page): Promise<void> {
  const json = (route: Route, body: unknown): Promise<void> => route.fulfill({ json: body });
  // The stream of events opens and stays silent.
  await page.route(/\/events\?after=/, () => undefined);
  await page.route(`**/jobs/${jobId}`, (route) => json(route, job));
  await page.route(`**/jobs/${jobId}/metrics?*`, (route) => {
    const cursor = new URL(route.request().url()).searchParams.get("cursor");
    return json(route, metricPage(Number(cursor ?? 0)));
  });
  await page.route(`**/jobs/${jobId}/logs*`, (route) =>
    route.fulfill({ contentType: "text/plain; charset=utf-8", body: logText() }),
  );
}
