"use client";

import clsx from "clsx";
import type { Schemas } from "@/api/client";
import { formatBytes, formatPercent } from "@/format";
import { memoryParts } from "./memory-parts";

const colors = [
  "var(--series-1)",
  "var(--series-2)",
  "var(--series-3)",
  "var(--series-4)",
  "var(--series-5)",
  "var(--series-6)",
];

/** The estimate against what jobs may use, and part by part. */
export function MemoryBar({ plan }: { plan: Schemas["FinetunePlan"] }) {
  const { estimated_bytes: estimated, budget_bytes: budget } = plan;
  const parts = memoryParts(plan.memory, estimated);
  const share = budget > 0 ? estimated / budget : 1;
  const color = (index: number): string | undefined => colors[index % colors.length];
  return (
    <div className="space-y-3">
      <div>
        <p className="mb-1.5 flex justify-between gap-2 text-xs tabular-nums">
          <span>
            <span className="text-sm font-semibold">{formatBytes(estimated)}</span>{" "}
            <span className="text-ink-faint">of {formatBytes(budget)}</span>
          </span>
          <span className={share > 1 ? "font-medium text-bad" : "text-ink-faint"}>
            {formatPercent(share, share < 0.1 ? 1 : 0)}
          </span>
        </p>
        <div aria-hidden className="relative h-2 overflow-hidden rounded-full bg-sunken">
          <div
            className={clsx("h-full", share > 1 ? "bg-bad" : "bg-good")}
            style={{ width: `${Math.min(1, share) * 100}%` }}
          />
        </div>
      </div>
      <div aria-hidden className="flex h-3 overflow-hidden rounded">
        {parts.map(({ id, bytes }, index) => (
          <div
            key={id}
            className="h-full min-w-px border-r border-surface last:border-r-0"
            style={{ width: `${(bytes / estimated) * 100}%`, background: color(index) }}
          />
        ))}
      </div>
      <dl className="space-y-1 text-xs">
        {parts.map(({ id, label, bytes }, index) => (
          <div key={id} className="flex items-center gap-2">
            <dt className="flex min-w-0 flex-1 items-center gap-2 text-ink-soft">
              <span
                aria-hidden
                className="size-2 shrink-0 rounded-sm"
                style={{ background: color(index) }}
              />
              {label}
            </dt>
            <dd className="tabular-nums">{formatBytes(bytes)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
