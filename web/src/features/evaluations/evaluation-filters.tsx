"use client";

import { Field, Select } from "@/components/ui/field";
import { modelOf, valuesOf, type EvaluationFilter } from "./comparable";
import { tasks, type Evaluation } from "./metrics";

interface EvaluationFiltersProps {
  evaluations: readonly Evaluation[];
  filter: EvaluationFilter;
  onFilter: (filter: EvaluationFilter) => void;
}

/** Narrows the list by model, data set and task. */
export function EvaluationFilters({ evaluations, filter, onFilter }: EvaluationFiltersProps) {
  const choices: {
    key: keyof EvaluationFilter;
    label: string;
    all: string;
    options: { id: string; label: string }[];
  }[] = [
    {
      key: "model",
      label: "Model",
      all: "Every model",
      options: plain(valuesOf(evaluations, modelOf)),
    },
    {
      key: "dataset",
      label: "Data set",
      all: "Every data set",
      options: plain(valuesOf(evaluations, (one) => one.dataset?.name)),
    },
    { key: "task", label: "Task", all: "Every task", options: [...tasks] },
  ];
  return (
    <div className="grid gap-2 sm:grid-cols-3 lg:max-w-3xl">
      {choices.map(({ key, label, all, options }) => (
        <Field key={key} label={label} hideLabel>
          {(ids) => (
            <Select
              {...ids}
              value={filter[key]}
              onChange={(event) => onFilter({ ...filter, [key]: event.target.value })}
            >
              <option value="">{all}</option>
              {options.map((option) => (
                <option key={option.id} value={option.id}>
                  {option.label}
                </option>
              ))}
            </Select>
          )}
        </Field>
      ))}
    </div>
  );
}

const plain = (values: string[]): { id: string; label: string }[] =>
  values.map((value) => ({ id: value, label: value }));
