"use client";

import clsx from "clsx";
import { presets, type Preset } from "./presets";
import type { Entries } from "./settings/setting";

interface PresetRowProps {
  entries: Entries;
  onPreset: (preset: Preset) => void;
}

const sameEntries = (a: Entries, b: Entries): boolean => {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => JSON.stringify(a[name]) === JSON.stringify(b[name]));
};

/** Settings to begin with, each in a click. */
export function PresetRow({ entries, onPreset }: PresetRowProps) {
  return (
    <div
      role="group"
      aria-label="Presets"
      className="grid grid-cols-2 gap-2 sm:grid-cols-3 xl:grid-cols-5"
    >
      {presets.map((preset) => {
        const holds = sameEntries(entries, preset.entries);
        return (
          <button
            key={preset.id}
            type="button"
            aria-pressed={holds}
            onClick={() => onPreset(preset)}
            className={clsx(
              "flex flex-col rounded-xl border px-3 py-2.5 text-left transition-colors",
              holds
                ? "border-accent bg-accent-soft"
                : "border-line bg-surface hover:border-line-strong",
            )}
          >
            <span className="block text-sm font-medium">{preset.label}</span>
            <span className="mt-0.5 block text-xs text-ink-soft">{preset.purpose}</span>
          </button>
        );
      })}
    </div>
  );
}
