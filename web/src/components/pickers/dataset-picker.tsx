"use client";

import { messageOf } from "@/api/errors";
import { useHubPages } from "@/api/pages";
import { Field, Select } from "@/components/ui/field";
import { plural } from "@/format";

const mostPages = 10;

/** All registered data sets, newest first; null while they are read. */
export function useAllDatasets() {
  const { data, error } = useHubPages(
    "/datasets",
    (_, before) =>
      before && !before.next_cursor
        ? null
        : { params: { query: { limit: 200, cursor: before?.next_cursor ?? undefined } } },
    { initialSize: mostPages },
  );
  return { datasets: data?.flatMap((page) => page.data).reverse() ?? null, error };
}

interface DatasetPickerProps {
  value: string;
  onChange: (value: string) => void;
  help?: string;
  error?: string | null;
  /** What an empty value means; without it a data set must be chosen. */
  none?: string;
}

/** Chooses a registered data set by its name. */
export function DatasetPicker({ value, onChange, help, error, none }: DatasetPickerProps) {
  const { datasets, error: unread } = useAllDatasets();
  const known = datasets?.some((dataset) => dataset.name === value) ?? false;
  return (
    <Field
      label="Data set"
      help={help}
      error={error ?? (unread && !datasets ? messageOf(unread) : null)}
    >
      {(ids) => (
        <Select {...ids} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="" disabled={none === undefined}>
            {none ?? (datasets?.length === 0 ? "No data set is registered" : "Choose a data set")}
          </option>
          {value !== "" && !known && <option value={value}>{value}</option>}
          {datasets?.map(({ id, name, rows, format }) => (
            <option key={id} value={name}>
              {name} ({format}, {plural(rows, "row")})
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}
