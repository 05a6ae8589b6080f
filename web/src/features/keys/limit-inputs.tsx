"use client";

import { Field, Input } from "@/components/ui/field";
import { limitFields, limitProblem, type LimitTexts } from "./limits";

interface LimitInputsProps {
  texts: LimitTexts;
  onChange: (texts: LimitTexts) => void;
}

/** A field for each limit of a key; empty is no limit. */
export function LimitInputs({ texts, onChange }: LimitInputsProps) {
  return (
    <fieldset>
      <legend className="mb-2 font-medium">Limits</legend>
      <div className="grid gap-3 sm:grid-cols-3">
        {limitFields.map(({ name, label, help }) => (
          <Field key={name} label={label} help={help} error={limitProblem(texts[name])}>
            {(ids) => (
              <Input
                {...ids}
                value={texts[name]}
                inputMode="numeric"
                autoComplete="off"
                placeholder="no limit"
                onChange={(event) => onChange({ ...texts, [name]: event.target.value.trim() })}
              />
            )}
          </Field>
        ))}
      </div>
    </fieldset>
  );
}

/** Whether the hub would take all of them. */
export const limitsAreGood = (texts: LimitTexts): boolean =>
  limitFields.every(({ name }) => limitProblem(texts[name]) === null);
