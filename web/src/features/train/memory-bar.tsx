"use client";

import type { Schemas } from "@/api/client";
import { formatBytes } from "@/format";
import { memoryParts } from "./memory-parts";

const colors = [
  "var(--series-1)",
  "var(--series-2)",
  "var(--series-3)",
  "var(--series-4)",
  "var(--series-5)",
  "var(--series-6)",
];

/** The estimate part by part against what jobs may use. */
export function MemoryBar({ plan }: { plan: Schemas["FinetunePlan"] }) {
  const { estimated_bytes: estimated, budget_bytes: budget } = plan;
  const parts = memoryParts(plan.memory, estimated);
  const whole = Math.max(estimated, budget, 1);
  const percent = (bytes: number): string => `${(bytes / whole) * 100}%`;
  return (
    <div>
      <div
        role="img"
        aria-label={`Estimated memory ${formatBytes(estimated)} of a budget of ${formatBytes(budget)}`}
        className="relative h-3 rounded bg-sunken"
      >
        <div className="flex h-full overflow-hidden rounded">
          {parts.map(({ id, bytes }, index) => (
            <div
              key={id}
              className="h-full border-r border-surface last:border-r-0"
              style={{ width: percent(bytes), background: colors[index % colors.length] }}
            />
          ))}
        </div>
        {estimated > budget && (
          <div
            className="absolute -inset-y-1 w-0.5 bg-ink"
            style={{ left: percent(budget) }}
            aria-hidden
          />
        )}
      </div>
      <dl className="mt-3 space-y-1 text-xs">
        {parts.map(({ id, label, bytes }, index) => (
          <div key={id} className="flex items-center gap-2">
            <dt className="flex min-w-0 flex-1 items-center gap-2 text-ink-soft">
              <span
                aria-hidden
                className="size-2 shrink-0 rounded-sm"
                style={{ background: colors[index % colors.length] }}
              />
              {label}
            </dt>
            <dd className="tabular-nums">{formatBytes(bytes)}</dd>
          </div>
        ))}
        <div className="flex justify-between gap-2 border-t border-line pt-1 font-medium">
          <dt>Together, of {formatBytes(budget)}</dt>
          <dd className="tabular-nums">{formatBytes(estimated)}</dd>
        </div>
      </dl>
    </div>
  );
}
