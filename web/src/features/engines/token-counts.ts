/** How many tokens each model's engines had generated when the hub was asked. */
export interface TokenCounts {
  atMs: number;
  byModel: Readonly<Record<string, number>>;
}

const series = "mlx_hub_engine_tokens_total";

/** Reads the counters of generated tokens from Prometheus' text format, version 0.0.4. */
export function readTokenCounts(metrics: string, atMs: number): TokenCounts {
  const byModel: Record<string, number> = {};
  for (const line of metrics.split("\n")) {
    if (!line.startsWith(`${series}{`)) continue;
    const labels = readLabels(line.slice(series.length, line.lastIndexOf("}") + 1));
    const value = Number(
      line
        .slice(line.lastIndexOf("}") + 1)
        .trim()
        .split(" ")[0],
    );
    const model = labels.gen_ai_request_model;
    if (labels.phase === "decode" && model !== undefined && Number.isFinite(value)) {
      byModel[model] = (byModel[model] ?? 0) + value;
    }
  }
  return { atMs, byModel };
}

function readLabels(text: string): Partial<Record<string, string>> {
  const labels: Partial<Record<string, string>> = {};
  for (const [, name, value] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
    if (name !== undefined && value !== undefined) {
      labels[name] = value.replace(/\\(.)/g, (_, letter: string) =>
        letter === "n" ? "\n" : letter,
      );
    }
  }
  return labels;
}

/** The rate is that of about so long: shorter ones jump, longer ones lag. */
const windowMs = 6_000;

/** Adds what was counted last and forgets what is too old to tell a rate. */
export function remember(history: readonly TokenCounts[], counts: TokenCounts): TokenCounts[] {
  return [...history.filter((one) => counts.atMs - one.atMs <= windowMs), counts];
}

/** Tokens a second of each model; nothing where the model was not counted before or the counter began anew. */
export function tokenRates(history: readonly TokenCounts[]): Record<string, number> {
  const last = history.at(-1);
  const rates: Record<string, number> = {};
  if (!last) return rates;
  for (const [model, count] of Object.entries(last.byModel)) {
    const first = history.find((one) => one.byModel[model] !== undefined);
    const before = first?.byModel[model];
    if (!first || before === undefined || count < before || last.atMs <= first.atMs) continue;
    rates[model] = ((count - before) * 1000) / (last.atMs - first.atMs);
  }
  return rates;
}
