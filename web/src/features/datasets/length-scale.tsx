import type { Schemas } from "@/api/client";
import { formatNumber } from "@/format";

type Tokens = NonNullable<Schemas["DatasetReport"]["tokens"]>;

/** Lengths of rows in tokens on one line: shortest, median, 95 of 100, longest, and where rows are cut. */
export function LengthScale({ tokens }: { tokens: Tokens }) {
  const { min = 0, median = 0, p95 = 0, max = 0, max_seq_length: limit = 0 } = tokens;
  const end = Math.max(max, 1);
  const percent = (length: number): string => `${Math.min(100, (length / end) * 100)}%`;
  const marks = [
    { label: "Shortest", length: min },
    { label: "Median", length: median },
    { label: "95 of 100", length: p95 },
    { label: "Longest", length: max },
  ];
  return (
    <figure>
      <figcaption className="mb-2 text-sm font-medium">Tokens a row</figcaption>
      <div aria-hidden className="relative h-2 rounded-full bg-sunken">
        <div
          className="absolute inset-y-0 rounded-full bg-accent-soft"
          style={{ left: percent(min), width: percent(max - min) }}
        />
        <div
          className="absolute inset-y-0 rounded-full bg-accent/60"
          style={{ left: percent(median), width: percent(p95 - median) }}
        />
        <div className="absolute -inset-y-1 w-0.5 bg-ink" style={{ left: percent(median) }} />
        {limit < max && (
          <div className="absolute -inset-y-1 w-0.5 bg-warn" style={{ left: percent(limit) }} />
        )}
      </div>
      <dl className="mt-3 grid grid-cols-4 gap-2">
        {marks.map(({ label, length }) => (
          <div key={label} className="min-w-0">
            <dt className="truncate text-xs text-ink-faint">{label}</dt>
            <dd className="text-sm font-semibold tabular-nums">{formatNumber(length)}</dd>
          </div>
        ))}
      </dl>
    </figure>
  );
}
