"use client";

import { useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { formatBytes } from "@/format";
import { requestOf, type Draft } from "./draft";
import { planJob } from "./finetune-request";
import { changesThatSave, type Change } from "./fitting";
import type { Plan } from "./use-plan";

interface Found {
  change: Change;
  bytes: number;
}

interface FittingSettingProps {
  draft: Draft;
  /** Of the draft; it does not fit. */
  plan: Plan;
  onApply: (change: Change) => void;
}

const withChange = (draft: Draft, change: Change): Draft => ({
  ...draft,
  entries: { ...draft.entries, ...change.entries },
});

/** Asks the hub about one change after the other, until one fits. */
export function FittingSetting({ draft, plan, onApply }: FittingSettingProps) {
  const [found, setFound] = useState<Found | "none" | null>(null);
  useEffect(() => {
    let over = false;
    const isOver = (): boolean => over;
    const search = async (): Promise<void> => {
      for (const change of changesThatSave(plan.params, plan.batch_size)) {
        const request = requestOf(withChange(draft, change));
        // What is refused (Gemma 4 cannot recompute) is no way out.
        const tried = request && (await planJob(request).catch(() => null));
        if (isOver()) return;
        if (tried?.fits_memory) {
          setFound({ change, bytes: tried.estimated_bytes });
          return;
        }
      }
      setFound("none");
    };
    void search();
    return () => {
      over = true;
    };
    // A plan belongs to its draft: a change of either brings another plan.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [plan]);

  if (found === null) {
    return (
      <p role="status" className="text-sm text-ink-soft">
        Looking for a setting that fits
      </p>
    );
  }
  if (found === "none") {
    return (
      <p role="status" className="text-sm text-ink-soft">
        No setting of it fits: use a smaller or more quantized model.
      </p>
    );
  }
  return (
    <div role="status" className="space-y-2 rounded-lg bg-sunken p-3 text-sm">
      <p>
        {found.change.label}:{" "}
        <span className="font-medium tabular-nums">{formatBytes(found.bytes)}</span>, which fits.
      </p>
      <Button size="small" look="primary" onClick={() => onApply(found.change)}>
        Use this setting
      </Button>
    </div>
  );
}
