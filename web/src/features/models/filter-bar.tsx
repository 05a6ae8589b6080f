"use client";

import { LayoutGrid, List, Search } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useHub } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Field, Input, Select } from "@/components/ui/field";
import { Choice } from "@/components/ui/tabs";
import {
  facetsOf,
  isFiltered,
  kinds,
  noFilters,
  states,
  wordOf,
  type ModelFilters,
  type SortKey,
} from "./model-filters";
import type { ModelsView } from "./view-choice";

/** So long after the last key the search begins. */
const typingMs = 200;

const sorts: { by: SortKey; descending: boolean; label: string }[] = [
  { by: "updated", descending: true, label: "Changed last" },
  { by: "updated", descending: false, label: "Changed first" },
  { by: "created", descending: true, label: "Newest" },
  { by: "created", descending: false, label: "Oldest" },
  { by: "name", descending: false, label: "Name, A to Z" },
  { by: "name", descending: true, label: "Name, Z to A" },
  { by: "size", descending: true, label: "Largest" },
  { by: "size", descending: false, label: "Smallest" },
];

interface FilterBarProps {
  filters: ModelFilters;
  onChange: (filters: ModelFilters) => void;
  view: ModelsView;
  onView: (view: ModelsView) => void;
}

export function FilterBar({ filters, onChange, view, onView }: FilterBarProps) {
  const { data: all } = useHub("/models", { params: { query: { limit: 200 } } });
  const facets = facetsOf(all?.data ?? []);
  const change = (part: Partial<ModelFilters>): void => onChange({ ...filters, ...part });
  return (
    <div role="search" aria-label="Models" className="mb-4 flex flex-wrap items-center gap-2">
      <SearchField value={filters.q} onChange={(q) => change({ q })} />
      <FilterSelect
        label="Kind"
        all="All kinds"
        className="flex-1 basis-36 sm:w-32 sm:flex-none"
        value={filters.kind}
        options={kinds}
        onChange={(kind) => change({ kind: kinds.find((one) => one === kind) ?? "" })}
      />
      <FilterSelect
        label="State"
        all="All states"
        className="flex-1 basis-36 sm:w-36 sm:flex-none"
        value={filters.state}
        options={states}
        onChange={(state) => change({ state: states.find((one) => one === state) ?? "" })}
      />
      <FilterSelect
        label="Architecture"
        all="All architectures"
        className="flex-1 basis-36 sm:w-48 sm:flex-none"
        value={filters.architecture}
        options={facets.architectures}
        onChange={(architecture) => change({ architecture })}
      />
      {(facets.tags.length > 0 || filters.tag !== "") && (
        <FilterSelect
          label="Tag"
          all="All tags"
          className="flex-1 basis-36 sm:w-32 sm:flex-none"
          value={filters.tag}
          options={facets.tags}
          onChange={(tag) => change({ tag })}
        />
      )}
      <Field label="Sort" hideLabel className="flex-1 basis-36 sm:w-40 sm:flex-none">
        {(ids) => (
          <Select
            {...ids}
            value={wordOf(filters.sort)}
            onChange={(event) => {
              const sort = sorts.find((one) => wordOf(one) === event.target.value);
              if (sort) change({ sort: { by: sort.by, descending: sort.descending } });
            }}
          >
            {sorts.map((sort) => (
              <option key={wordOf(sort)} value={wordOf(sort)}>
                {sort.label}
              </option>
            ))}
          </Select>
        )}
      </Field>
      {isFiltered(filters) && (
        <Button
          look="quiet"
          size="small"
          onClick={() => onChange({ ...noFilters, sort: filters.sort })}
        >
          Clear
        </Button>
      )}
      <div className="hidden sm:block">
        <Choice
          label="View"
          options={[
            { id: "list", label: <ViewLabel icon={List} text="List" /> },
            { id: "cards", label: <ViewLabel icon={LayoutGrid} text="Cards" /> },
          ]}
          selected={view}
          onSelect={onView}
        />
      </div>
    </div>
  );
}

function ViewLabel({ icon: Icon, text }: { icon: typeof List; text: string }) {
  return (
    <>
      <Icon size={14} aria-hidden />
      {text}
    </>
  );
}

interface SearchFieldProps {
  value: string;
  onChange: (value: string) => void;
}

function SearchField({ value, onChange }: SearchFieldProps) {
  // What is being typed; null: what the address says.
  const [typed, setTyped] = useState<string | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const settle = (text: string): void => {
    clearTimeout(timer.current);
    if (text.trim() !== value) onChange(text.trim());
  };
  return (
    <Field
      label="Search models"
      hideLabel
      className="relative w-full sm:w-auto sm:min-w-44 sm:flex-1"
    >
      {(ids) => (
        <>
          <Search
            size={15}
            aria-hidden
            className="pointer-events-none absolute top-2.5 left-3 text-ink-faint"
          />
          <Input
            {...ids}
            type="search"
            placeholder="Name, description, tag"
            className="pl-9"
            value={typed ?? value}
            onChange={(event) => {
              const text = event.target.value;
              setTyped(text);
              clearTimeout(timer.current);
              timer.current = setTimeout(() => settle(text), typingMs);
            }}
            onBlur={() => {
              if (typed != null) settle(typed);
              setTyped(null);
            }}
          />
        </>
      )}
    </Field>
  );
}

interface FilterSelectProps {
  label: string;
  all: string;
  className: string;
  value: string;
  options: readonly string[];
  onChange: (value: string) => void;
}

function FilterSelect({ label, all, className, value, options, onChange }: FilterSelectProps) {
  // The address may name one that no model has.
  const known = value === "" || options.includes(value) ? options : [...options, value];
  return (
    <Field label={label} hideLabel className={className}>
      {(ids) => (
        <Select {...ids} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">{all}</option>
          {known.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </Select>
      )}
    </Field>
  );
}
