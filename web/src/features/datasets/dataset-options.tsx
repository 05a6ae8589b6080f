"use client";

import { nameProblem } from "@/features/models/model-name";
import { Checkbox, Field, Input } from "@/components/ui/field";
import type { DatasetOptions } from "./upload";

/** The options while they are edited: texts, as typed. */
export interface OptionsDraft {
  name: string;
  valid: string;
  test: string;
  seed: string;
  skipBadRows: boolean;
}

export const newOptions = (name: string): OptionsDraft => ({
  name,
  valid: "",
  test: "",
  seed: "",
  skipBadRows: false,
});

type Problems = Partial<Record<"name" | "valid" | "test" | "seed", string>>;

/** Empty is 0; shares are typed in percent. */
const share = (text: string): number => Number(text.trim().replace(",", ".")) / 100;

export function optionProblems(draft: OptionsDraft): Problems {
  const problems: Problems = {};
  const name = nameProblem(draft.name);
  if (name) problems.name = name;
  for (const part of ["valid", "test"] as const) {
    const value = share(draft[part]);
    if (!(value >= 0 && value < 1)) problems[part] = "From 0 to below 100 %";
  }
  if (!problems.valid && !problems.test && share(draft.valid) + share(draft.test) >= 1) {
    problems.test = "Nothing would be left to train on";
  }
  const seed = Number(draft.seed);
  if (!Number.isSafeInteger(seed) || seed < 0) problems.seed = "A whole number from 0";
  return problems;
}

export function optionsOf(draft: OptionsDraft): DatasetOptions {
  const valid = share(draft.valid);
  const test = share(draft.test);
  return {
    name: draft.name,
    split: valid > 0 || test > 0 ? { valid, test, seed: Number(draft.seed) } : null,
    skipBadRows: draft.skipBadRows,
  };
}

interface DatasetOptionsFieldsProps {
  draft: OptionsDraft;
  onChange: (draft: OptionsDraft) => void;
  disabled?: boolean;
}

/** Name, held-out shares and what becomes of broken rows. */
export function DatasetOptionsFields({ draft, onChange, disabled }: DatasetOptionsFieldsProps) {
  const problems = optionProblems(draft);
  const set = (part: Partial<OptionsDraft>): void => onChange({ ...draft, ...part });
  return (
    <fieldset disabled={disabled} className="grid gap-4 sm:grid-cols-6">
      <legend className="sr-only">How the rows are registered</legend>
      <Field label="Name" className="sm:col-span-3" error={problems.name}>
        {(ids) => (
          <Input
            {...ids}
            value={draft.name}
            spellCheck={false}
            onChange={(event) => set({ name: event.target.value })}
          />
        )}
      </Field>
      <Field label="Valid, %" help="Measured while training" error={problems.valid}>
        {(ids) => (
          <Input
            {...ids}
            inputMode="decimal"
            placeholder="0"
            value={draft.valid}
            onChange={(event) => set({ valid: event.target.value })}
          />
        )}
      </Field>
      <Field label="Test, %" help="For evaluations" error={problems.test}>
        {(ids) => (
          <Input
            {...ids}
            inputMode="decimal"
            placeholder="0"
            value={draft.test}
            onChange={(event) => set({ test: event.target.value })}
          />
        )}
      </Field>
      <Field label="Seed" help="Which rows" error={problems.seed}>
        {(ids) => (
          <Input
            {...ids}
            inputMode="numeric"
            placeholder="0"
            value={draft.seed}
            onChange={(event) => set({ seed: event.target.value })}
          />
        )}
      </Field>
      <Checkbox
        className="sm:col-span-6"
        label="Leave out broken rows"
        help="Otherwise a file with a row that cannot be read is refused, with the row's line."
        checked={draft.skipBadRows}
        onChange={(event) => set({ skipBadRows: event.target.checked })}
      />
    </fieldset>
  );
}
