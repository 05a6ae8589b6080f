"use client";

import clsx from "clsx";
import { ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { CopyButton } from "@/components/ui/copy-button";
import { clockTime, isIdField, ownFields, processOf, summary, type LogRecord } from "./log-record";
import type { LogFilter, LogLevel } from "./log-filter";

interface LogRowProps {
  record: LogRecord;
  open: boolean;
  onToggle: () => void;
  onFilter: (change: Partial<LogFilter>) => void;
}

const levelColors: Record<LogLevel, string> = {
  debug: "text-ink-faint",
  info: "text-ink-soft",
  warning: "text-warn",
  error: "text-bad",
};

/** A record as one line; a click unfolds all it says. */
export function LogRow({ record, open, onToggle, onFilter }: LogRowProps) {
  return (
    <div
      className={clsx(
        "border-b border-line border-l-2",
        record.level === "error"
          ? "border-l-bad"
          : record.level === "warning"
            ? "border-l-warn"
            : "border-l-transparent",
        open && "bg-sunken/60",
      )}
    >
      <button
        type="button"
        aria-expanded={open}
        onClick={onToggle}
        className="flex w-full items-baseline gap-x-3 px-3 py-1.5 text-left font-mono text-xs hover:bg-sunken focus-visible:outline-offset-[-2px] max-md:flex-wrap max-md:gap-x-2"
      >
        <ChevronRight
          size={12}
          aria-hidden
          className={clsx("shrink-0 self-center transition-transform", open && "rotate-90")}
        />
        <span className="whitespace-nowrap text-ink-faint tabular-nums">
          {clockTime(record.time)}
        </span>
        <span className={clsx("w-14 shrink-0 font-semibold", levelColors[record.level])}>
          {record.level}
        </span>
        <span className="max-w-44 shrink-0 truncate text-ink-faint">{processOf(record)}</span>
        <span className="shrink-0 font-semibold max-md:pl-5">{record.event}</span>
        <span className="min-w-0 flex-1 truncate text-ink-soft max-md:basis-full max-md:pl-5">
          {summary(record)}
        </span>
      </button>
      {open && <Unfolded record={record} onFilter={onFilter} />}
    </div>
  );
}

type UnfoldedProps = Pick<LogRowProps, "record" | "onFilter">;

function Unfolded({ record, onFilter }: UnfoldedProps) {
  const process = processOf(record);
  return (
    <div className="flex items-start gap-2 py-2 pr-2 pl-9">
      <dl className="grid min-w-0 flex-1 grid-cols-[max-content_minmax(0,1fr)] gap-x-6 gap-y-1 font-mono text-xs">
        <Field name="time">{record.time}</Field>
        <Field name="event">
          <FilterButton onClick={() => onFilter({ event: record.event })}>
            {record.event}
          </FilterButton>
        </Field>
        {process && (
          <Field name="process">
            <FilterButton onClick={() => onFilter({ process })}>{process}</FilterButton>
          </Field>
        )}
        {ownFields(record).map(([name, value]) => (
          <Field key={name} name={name}>
            {isIdField(name) ? (
              <FilterButton onClick={() => onFilter({ [name]: value })}>{value}</FilterButton>
            ) : (
              <span className="whitespace-pre-wrap">{value}</span>
            )}
          </Field>
        ))}
      </dl>
      <CopyButton text={JSON.stringify(record)} what="Copy the record as JSON" />
    </div>
  );
}

function Field({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="contents">
      <dt className="text-ink-faint">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </div>
  );
}

function FilterButton({ onClick, children }: { onClick: () => void; children: string }) {
  return (
    <button
      type="button"
      title="Show only records with this"
      onClick={onClick}
      className="max-w-full text-left break-all text-accent-strong underline decoration-dotted underline-offset-2 hover:decoration-solid"
    >
      {children}
    </button>
  );
}
