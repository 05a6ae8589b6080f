"use client";

import { Card } from "@/components/ui/card";
import { Field, Input } from "@/components/ui/field";
import { DatasetPicker } from "@/components/pickers/dataset-picker";
import { ModelPicker } from "@/components/pickers/model-picker";
import type { Draft } from "./draft";
import type { Problems } from "./settings/params";

interface JobFieldsProps {
  draft: Draft;
  problems: Problems;
  onChange: (part: Partial<Draft>) => void;
}

/** What is trained on what, and where the result goes. */
export function JobFields({ draft, problems, onChange }: JobFieldsProps) {
  return (
    <Card title="Job">
      <div className="grid gap-x-5 gap-y-4 sm:grid-cols-2">
        <ModelPicker
          value={draft.model}
          onChange={(model) => onChange({ model })}
          error={problems.model}
          help="An adapter is trained further."
        />
        <DatasetPicker
          value={draft.dataset}
          onChange={(dataset) => onChange({ dataset })}
          error={problems.dataset}
        />
        <Field
          label="Output name"
          help="The model that gets the result as a version; named after base and job when blank."
          error={problems["output.name"]}
        >
          {(ids) => (
            <Input
              {...ids}
              value={draft.output}
              spellCheck={false}
              autoComplete="off"
              onChange={(event) => onChange({ output: event.target.value })}
            />
          )}
        </Field>
        <div className="grid grid-cols-3 gap-x-3">
          <Field label="Alias" help="On the new version" error={problems["output.alias"]}>
            {(ids) => (
              <Input
                {...ids}
                value={draft.alias}
                spellCheck={false}
                autoComplete="off"
                onChange={(event) => onChange({ alias: event.target.value })}
              />
            )}
          </Field>
          <Field label="Priority" help="Higher runs earlier" error={problems.priority}>
            {(ids) => (
              <Input
                {...ids}
                value={draft.priority}
                placeholder="0"
                inputMode="numeric"
                onChange={(event) => onChange({ priority: event.target.value })}
              />
            )}
          </Field>
          <Field label="Time limit" help="Seconds" error={problems.timeout_seconds}>
            {(ids) => (
              <Input
                {...ids}
                value={draft.timeout}
                placeholder="none"
                inputMode="numeric"
                onChange={(event) => onChange({ timeout: event.target.value })}
              />
            )}
          </Field>
        </div>
      </div>
    </Card>
  );
}
