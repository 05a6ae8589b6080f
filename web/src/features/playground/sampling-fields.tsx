"use client";

import { Field, Input } from "@/components/ui/field";
import { ranges, type NumberField, type Problems, type Settings } from "./settings";

interface Shown {
  field: NumberField;
  label: string;
  /** What an empty field means. */
  without: string;
  help: string;
  step?: number;
}

export const samplingFields: Shown[] = [
  {
    field: "temperature",
    label: "Temperature",
    without: "1",
    help: "0 always takes the likeliest token.",
    step: 0.05,
  },
  {
    field: "topP",
    label: "Top P",
    without: "1",
    help: "Only the likeliest tokens that together have this probability.",
    step: 0.01,
  },
  {
    field: "topK",
    label: "Top K",
    without: "off",
    help: "Only so many of the likeliest; 0 is off.",
  },
  {
    field: "minP",
    label: "Min P",
    without: "0",
    help: "Only tokens with this share of the likeliest one's probability.",
    step: 0.01,
  },
];

export const lengthFields: Shown[] = [
  {
    field: "maxTokens",
    label: "Most tokens",
    without: "the context",
    help: "The answer is cut off there.",
  },
  {
    field: "seed",
    label: "Seed",
    without: "a new one for each message",
    help: "All columns get the same one.",
  },
];

export const penaltyFields: Shown[] = [
  {
    field: "presencePenalty",
    label: "Presence penalty",
    without: "0",
    help: "Against tokens that were said before.",
    step: 0.1,
  },
  {
    field: "frequencyPenalty",
    label: "Frequency penalty",
    without: "0",
    help: "The same, by how often.",
    step: 0.1,
  },
  {
    field: "repetitionPenalty",
    label: "Repetition penalty",
    without: "1",
    help: "Divides the scores of what was said before; 1 is off.",
    step: 0.05,
  },
];

interface NumberFieldsProps {
  fields: Shown[];
  settings: Settings;
  problems: Problems;
  onChange: (change: Partial<Settings>) => void;
}

/** A slider beside the number where the range is small enough for one. */
export function NumberFields({ fields, settings, problems, onChange }: NumberFieldsProps) {
  return fields.map(({ field, label, without, help, step }) => {
    const { low, high, whole } = ranges[field];
    const set = (text: string): void => onChange({ [field]: text });
    const value = Number(settings[field] === "" ? without : settings[field]);
    return (
      <Field key={field} label={label} help={help} error={problems[field]}>
        {(ids) => (
          <div className="flex items-center gap-3">
            {step !== undefined && (
              <input
                type="range"
                aria-label={`${label}, slider`}
                min={low}
                max={high}
                step={step}
                value={Number.isFinite(value) ? value : low}
                onChange={(event) => set(event.target.value)}
                className="min-w-0 flex-1 accent-accent"
              />
            )}
            <div className={step === undefined ? "flex-1" : "w-18 shrink-0"}>
              <Input
                {...ids}
                inputMode={whole ? "numeric" : "decimal"}
                autoComplete="off"
                className="tabular-nums"
                placeholder={without}
                value={settings[field]}
                onChange={(event) => set(event.target.value)}
              />
            </div>
          </div>
        )}
      </Field>
    );
  });
}
