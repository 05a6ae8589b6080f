"use client";

import { Field, Input } from "@/components/ui/field";
import { nameProblem } from "./model-name";

/** Where a merged or quantized model goes; empty texts leave it to the hub. */
export interface Output {
  name: string;
  alias: string;
}

export const outputOf = ({ name, alias }: Output) => ({
  name: name === "" ? null : name,
  alias: alias === "" ? null : alias,
});

export function outputProblem({ name, alias }: Output): string | null {
  return (name === "" ? null : nameProblem(name)) ?? (alias === "" ? null : nameProblem(alias));
}

interface OutputFieldsProps {
  output: Output;
  onChange: (output: Output) => void;
  /** The name that the hub takes by itself. */
  usual: string;
}

export function OutputFields({ output, onChange, usual }: OutputFieldsProps) {
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <Field
        label="Name of the result"
        help="A model of this name gets another version"
        error={output.name === "" ? null : nameProblem(output.name)}
      >
        {(ids) => (
          <Input
            {...ids}
            value={output.name}
            placeholder={usual}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => onChange({ ...output, name: event.target.value.trim() })}
          />
        )}
      </Field>
      <Field
        label="Alias for it"
        help="Set when it is done; may stay empty"
        error={output.alias === "" ? null : nameProblem(output.alias)}
      >
        {(ids) => (
          <Input
            {...ids}
            value={output.alias}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => onChange({ ...output, alias: event.target.value.trim() })}
          />
        )}
      </Field>
    </div>
  );
}
