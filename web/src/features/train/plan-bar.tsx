"use client";

import type { ReactNode } from "react";
import { formatBytes, formatDuration, plural } from "@/format";
import type { Plan } from "./use-plan";

interface PlanBarProps {
  plan: Plan | null;
  pending: boolean;
  /** The button that starts it. */
  children: ReactNode;
}

/** The plan in a line at the foot of a narrow page, where the panel is out of sight. */
export function PlanBar({ plan, pending, children }: PlanBarProps) {
  return (
    <div className="sticky bottom-0 z-10 -mx-4 border-t border-line bg-surface px-4 py-3 sm:-mx-6 sm:px-6 lg:hidden">
      <p
        className={`mb-2 truncate text-xs ${plan && !plan.fits_memory ? "text-bad" : "text-ink-soft"}`}
      >
        {plan === null
          ? "No estimate yet"
          : [
              plan.fits_memory ? "Fits" : "Does not fit",
              `${formatBytes(plan.estimated_bytes)} of ${formatBytes(plan.budget_bytes)}`,
              plural(plan.steps, "step"),
              ...(plan.estimated_seconds === null ? [] : [formatDuration(plan.estimated_seconds)]),
              ...(pending ? ["estimating"] : []),
            ].join(" · ")}
      </p>
      {children}
    </div>
  );
}
