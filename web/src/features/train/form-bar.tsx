"use client";

import { RotateCcw, Undo2 } from "lucide-react";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Choice } from "@/components/ui/tabs";
import { plural } from "@/format";
import { PresetRow } from "./preset-row";
import { changedSettings } from "./settings/params";
import type { Entries } from "./settings/setting";

export type FormView = "form" | "yaml";

const views: { id: FormView; label: string }[] = [
  { id: "form", label: "Form" },
  { id: "yaml", label: "YAML" },
];

interface FormBarProps {
  entries: Entries;
  view: FormView;
  onView: (view: FormView) => void;
  /** All of them at once. */
  onEntries: (entries: Entries) => void;
}

/** Presets, how much differs from the defaults, and whether the job is shown as a form or as a text. */
export function FormBar({ entries, view, onView, onEntries }: FormBarProps) {
  // What a preset replaced, as long as nothing was changed since.
  const [replaced, setReplaced] = useState<{ before: Entries; after: Entries } | null>(null);
  const replace = (after: Entries): void => {
    setReplaced({ before: entries, after });
    onEntries(after);
  };
  const changed = changedSettings(entries).length;
  const undoable = replaced?.after === entries && changedSettings(replaced.before).length > 0;
  return (
    <div className="space-y-3">
      <PresetRow entries={entries} onPreset={(preset) => replace(preset.entries)} />
      <div className="flex flex-wrap items-center gap-2">
        <p className="mr-auto text-sm text-ink-soft">
          {changed === 0
            ? "All settings have their defaults"
            : `${plural(changed, "setting")} ${changed === 1 ? "differs" : "differ"} from the defaults`}
        </p>
        {undoable && (
          <Button size="small" look="quiet" onClick={() => onEntries(replaced.before)}>
            <Undo2 size={15} aria-hidden />
            Back to what was entered
          </Button>
        )}
        {changed > 0 && (
          <Button size="small" look="quiet" onClick={() => replace({})}>
            <RotateCcw size={15} aria-hidden />
            All defaults
          </Button>
        )}
        <Choice label="View" options={views} selected={view} onSelect={onView} />
      </div>
    </div>
  );
}
