/** Whether a smaller figure is the better one, by the hub's rule. */
export function lowerIsBetter(metric: string): boolean {
  return metric.endsWith("loss") || metric.endsWith("perplexity");
}

export type GateOutcome =
  | { verdict: "passes"; mine: number | null; theirs: number | null }
  | { verdict: "holds"; mine: number; theirs: number }
  /** One of them has no such figure. */
  | { verdict: "undecided"; mine: number | null; theirs: number | null };

interface Measured {
  id: string;
  metrics: Record<string, number>;
}

/**
 * What a gate will say, by the figures that are known here: the candidate must not be worse than `holder`, the version
 * that the alias has now. Without a holder, or with the same one, there is nothing to compare. The hub decides.
 */
export function gateOutcome(
  metric: string,
  candidate: Measured,
  holder: Measured | null,
): GateOutcome {
  const mine = candidate.metrics[metric] ?? null;
  const theirs = holder?.metrics[metric] ?? null;
  if (holder == null || holder.id === candidate.id) return { verdict: "passes", mine, theirs };
  if (mine == null || theirs == null) return { verdict: "undecided", mine, theirs };
  const worse = lowerIsBetter(metric) ? mine > theirs : mine < theirs;
  return { verdict: worse ? "holds" : "passes", mine, theirs };
}

/** Every figure that any of the versions has, the usual one of a gate first. */
export function metricNames(versions: readonly Measured[]): string[] {
  const names = new Set(versions.flatMap((version) => Object.keys(version.metrics)));
  return [...names].sort(
    (a, b) => Number(b === "eval_loss") - Number(a === "eval_loss") || a.localeCompare(b),
  );
}
