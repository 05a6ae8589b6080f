"use client";

import { X } from "lucide-react";
import { useEffect, useState } from "react";
import { useHub } from "@/api/client";
import { Checkbox, Field, Input, Select } from "@/components/ui/field";
import { fieldOfTime, logLevels, timeOfField, type LogFilter } from "./log-filter";

interface LogFiltersProps {
  filter: LogFilter;
  onChange: (change: Partial<LogFilter>) => void;
}

const typingMs = 350;
/** The most frequent event: every page of this dashboard that looks on makes some. */
const requests = "http_request";

const ages: [since: string, words: string][] = [
  ["", "Any time"],
  ["15m", "Last 15 minutes"],
  ["1h", "Last hour"],
  ["24h", "Last 24 hours"],
  ["7d", "Last 7 days"],
];

/** Which records are shown. */
export function LogFilters({ filter, onChange }: LogFiltersProps) {
  return (
    <div className="grid gap-2 sm:grid-cols-2 lg:grid-cols-[minmax(0,2fr)_repeat(3,minmax(0,1fr))]">
      <SearchField key={`q ${filter.q}`} text={filter.q} onChange={(q) => onChange({ q })} />
      <Field label="Level" hideLabel>
        {(ids) => (
          <Select
            {...ids}
            value={filter.level}
            onChange={(event) =>
              onChange({ level: logLevels.find((level) => level === event.target.value) })
            }
          >
            {logLevels.map((level) => (
              <option key={level} value={level}>
                {level === "debug"
                  ? "All levels"
                  : level === "error"
                    ? "Errors"
                    : `${level} and worse`}
              </option>
            ))}
          </Select>
        )}
      </Field>
      <ProcessField process={filter.process} onChange={(process) => onChange({ process })} />
      <TimeField filter={filter} onChange={onChange} />
      <Checkbox
        label="Requests, too"
        className="h-7 items-center"
        checked={filter.without !== requests}
        onChange={(event) => onChange({ without: event.target.checked ? "" : requests })}
      />
    </div>
  );
}

/** Asks when typing pauses, not with every letter. */
function SearchField({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const [typed, setTyped] = useState(text);
  useEffect(() => {
    if (typed === text) return;
    const timer = setTimeout(() => onChange(typed), typingMs);
    return () => clearTimeout(timer);
  });
  return (
    <Field label="Text within the line" hideLabel>
      {(ids) => (
        <Input
          {...ids}
          type="search"
          placeholder="Text within the line"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      )}
    </Field>
  );
}

function ProcessField({
  process,
  onChange,
}: {
  process: string;
  onChange: (process: string) => void;
}) {
  const models = useHub("/models", { params: { query: { limit: 200 } } }).data?.data ?? [];
  const engines = models
    .filter((model) => model.kind !== "adapter")
    .map(({ name }) => `engine ${name}`);
  const known = ["server", ...engines];
  return (
    <Field label="Component" hideLabel>
      {(ids) => (
        <Select {...ids} value={process} onChange={(event) => onChange(event.target.value)}>
          <option value="">All components</option>
          {process && !known.includes(process) && <option>{process}</option>}
          {known.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      )}
    </Field>
  );
}

const between = "between";

function TimeField({ filter, onChange }: LogFiltersProps) {
  const relative = ages.some(([since]) => since === filter.since) && !filter.until;
  const [exact, setExact] = useState(!relative);
  const choose = (value: string): void => {
    setExact(value === between);
    if (value !== between) onChange({ since: value, until: "" });
  };
  return (
    <>
      <Field label="Time" hideLabel>
        {(ids) => (
          <Select
            {...ids}
            value={exact || !relative ? between : filter.since}
            onChange={(event) => choose(event.target.value)}
          >
            {ages.map(([since, words]) => (
              <option key={since} value={since}>
                {words}
              </option>
            ))}
            <option value={between}>Between two times</option>
          </Select>
        )}
      </Field>
      {(exact || !relative) && (
        <div className="flex flex-wrap gap-2 sm:col-span-2 lg:col-span-4">
          <Moment label="From" time={filter.since} onChange={(since) => onChange({ since })} />
          <Moment label="To" time={filter.until} onChange={(until) => onChange({ until })} />
        </div>
      )}
    </>
  );
}

interface MomentProps {
  label: string;
  time: string;
  onChange: (time: string) => void;
}

function Moment({ label, time, onChange }: MomentProps) {
  return (
    <Field label={label} className="w-56">
      {(ids) => (
        <Input
          {...ids}
          type="datetime-local"
          defaultValue={fieldOfTime(time)}
          onBlur={(event) => onChange(timeOfField(event.target.value))}
        />
      )}
    </Field>
  );
}

const chipNames = {
  event: "event",
  request_id: "request",
  job_id: "job",
  trace_id: "trace",
} as const;

/** What was chosen by clicking on a record, each to be taken away again. */
export function FilterChips({ filter, onChange }: LogFiltersProps) {
  const chosen = (Object.keys(chipNames) as (keyof typeof chipNames)[]).filter(
    (name) => filter[name] !== "",
  );
  if (chosen.length === 0) return null;
  return (
    <ul aria-label="Chosen" className="mt-2 flex flex-wrap gap-2">
      {chosen.map((name) => (
        <li key={name}>
          <button
            type="button"
            aria-label={`Without ${chipNames[name]} ${filter[name]}`}
            onClick={() => onChange({ [name]: "" })}
            className="inline-flex h-7 max-w-full items-center gap-1.5 rounded-md bg-accent-soft px-2 text-xs text-accent-strong hover:underline"
          >
            {chipNames[name]}
            <code className="truncate font-mono">{filter[name]}</code>
            <X size={13} aria-hidden className="shrink-0" />
          </button>
        </li>
      ))}
    </ul>
  );
}
