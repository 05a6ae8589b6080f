"use client";

import type { Schemas } from "@/api/client";
import { Field, Select } from "@/components/ui/field";

interface VersionChoiceProps {
  model: Schemas["Model"];
  selected: number;
  onSelect: (version: number) => void;
}

/** Which version a tab shows. Nothing where there is only one. */
export function VersionChoice({ model, selected, onSelect }: VersionChoiceProps) {
  if (model.versions.length < 2) return null;
  const aliasesOf = (version: number): string[] =>
    Object.entries(model.aliases).flatMap(([alias, number]) => (number === version ? alias : []));
  return (
    <Field label="Version" hideLabel className="mb-4 w-64">
      {(ids) => (
        <Select
          {...ids}
          value={selected}
          onChange={(event) => onSelect(Number(event.target.value))}
        >
          {[...model.versions]
            .sort((a, b) => b.version - a.version)
            .map((one) => (
              <option key={one.id} value={one.version}>
                {[`Version ${one.version}`, one.kind, ...aliasesOf(one.version)].join(" · ")}
              </option>
            ))}
        </Select>
      )}
    </Field>
  );
}
