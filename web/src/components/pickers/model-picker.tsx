"use client";

import { useMemo } from "react";
import { messageOf } from "@/api/errors";
import { useHubPages } from "@/api/pages";
import { Field, Select } from "@/components/ui/field";
import { groupedModels, splitModelValue, versionChoices } from "./model-value";

/** Pages of 200 that a picker reads at most: who has more models writes their names into the address. */
const mostPages = 10;

export function useAllModels() {
  const { data, error } = useHubPages(
    "/models",
    (_, before) =>
      before && !before.next_cursor
        ? null
        : {
            params: {
              query: { limit: 200, sort: "name", cursor: before?.next_cursor ?? undefined },
            },
          },
    { initialSize: mostPages },
  );
  // The same list until another comes, so that what is made of it need not be made again.
  const models = useMemo(() => data?.flatMap((page) => page.data) ?? null, [data]);
  return { models, error };
}

interface ModelPickerProps {
  label?: string;
  value: string;
  onChange: (value: string) => void;
  help?: string;
  error?: string | null;
  /** What an empty value means; without it a model must be chosen. */
  none?: string;
}

/** Chooses a registered model and which of its versions. */
export function ModelPicker(props: ModelPickerProps) {
  const { label = "Model", value, onChange, help, none } = props;
  const { models, error } = useAllModels();
  const { name, version } = splitModelValue(value);
  const chosen = models?.find((model) => model.name === name);
  const choices = chosen ? versionChoices(chosen) : [];
  const known = choices.some((choice) => choice.value === version);
  return (
    <div className="flex min-w-0 items-start gap-2">
      <Field
        label={label}
        className="flex-1"
        help={help}
        error={props.error ?? (error && !models ? messageOf(error) : null)}
      >
        {(ids) => (
          <Select {...ids} value={name} onChange={(event) => onChange(event.target.value)}>
            <option value="" disabled={none === undefined}>
              {none ?? (models?.length === 0 ? "No model is registered" : "Choose a model")}
            </option>
            {name !== "" && !chosen && <option value={name}>{name}</option>}
            {groupedModels(models ?? []).map((group) => (
              <optgroup key={group.label} label={group.label}>
                {group.models.map((model) => (
                  <option key={model.id} value={model.name}>
                    {model.name}
                    {model.state === "ready" ? "" : ` (${model.state})`}
                  </option>
                ))}
              </optgroup>
            ))}
          </Select>
        )}
      </Field>
      {(choices.length > 2 || version !== "") && (
        <Field label="Version" className="w-36 shrink-0">
          {(ids) => (
            <Select
              {...ids}
              value={version}
              onChange={(event) => onChange(name + event.target.value)}
            >
              {!known && <option value={version}>{version}</option>}
              {choices.map((choice) => (
                <option key={choice.value} value={choice.value}>
                  {choice.label}
                </option>
              ))}
            </Select>
          )}
        </Field>
      )}
    </div>
  );
}
