"use client";

import { Checkbox } from "@/components/ui/field";

export interface ChartLook {
  /** Of the moving average, from 0 (as measured). */
  smoothing: number;
  logScale: boolean;
}

interface ChartOptionsProps {
  look: ChartLook;
  onChange: (look: ChartLook) => void;
}

/** How losses are drawn. */
export function ChartOptions({ look, onChange }: ChartOptionsProps) {
  const { smoothing } = look;
  return (
    <div className="flex flex-wrap items-center gap-x-5 gap-y-2">
      <label className="flex items-center gap-2 text-sm font-medium">
        Smoothing
        <input
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          value={smoothing}
          aria-valuetext={smoothing === 0 ? "none" : smoothing.toFixed(2)}
          className="w-28 accent-accent"
          onChange={(event) => onChange({ ...look, smoothing: Number(event.target.value) })}
        />
        <span aria-hidden className="w-8 text-xs text-ink-soft tabular-nums">
          {smoothing === 0 ? "off" : smoothing.toFixed(2)}
        </span>
      </label>
      <Checkbox
        label="Log scale"
        checked={look.logScale}
        onChange={(event) => onChange({ ...look, logScale: event.target.checked })}
      />
    </div>
  );
}
