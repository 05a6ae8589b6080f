"use client";

import { useState, type ReactNode } from "react";
import { StateBadge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { Checkbox } from "@/components/ui/field";
import { Link } from "@/components/ui/link";
import { Table, Td, Th } from "@/components/ui/table";
import { formatBytes, formatDuration, formatFigure, formatNumber } from "@/format";
import { jobHref, modelHref } from "@/links";
import { valueText } from "./value-text";
import type { Job } from "./job";
import { finalFigures, paramDifferences, type Figure } from "./run-comparison";

interface CompareTablesProps {
  jobs: Job[];
  names: string[];
}

const formats: Record<Figure["unit"], (value: number | null) => string> = {
  loss: formatFigure,
  rate: formatFigure,
  count: (value) => formatNumber(value),
  seconds: formatDuration,
  bytes: formatBytes,
};

/** What runs came to, and in what they differ. */
export function CompareTables({ jobs, names }: CompareTablesProps) {
  const [all, setAll] = useState(false);
  const params = paramDifferences(jobs, all);
  return (
    <>
      <Card title="What they came to" flush>
        <Table label="What they came to">
          <RunHeads jobs={jobs} names={names} />
          <tbody>
            <Row
              name="State"
              cells={jobs.map((job) => (
                <StateBadge key={job.id} state={job.state} />
              ))}
            />
            {finalFigures(jobs).map(({ name, unit, values, best }) => (
              <Row
                key={name}
                name={name}
                cells={values.map((value, at) => (
                  <span key={jobs[at]?.id} className={at === best ? "font-semibold text-good" : ""}>
                    {formats[unit](value)}
                    {at === best && <span className="sr-only"> (best)</span>}
                    {at === best && <span aria-hidden> ★</span>}
                  </span>
                ))}
              />
            ))}
            <Row
              name="Made"
              cells={jobs.map((job) =>
                job.result ? (
                  <Link
                    key={job.id}
                    href={modelHref(job.result.model)}
                    className="text-accent hover:underline"
                  >
                    {job.result.model} v{job.result.version}
                  </Link>
                ) : (
                  "–"
                ),
              )}
            />
          </tbody>
        </Table>
      </Card>
      <Card
        title="In what they differ"
        flush
        actions={
          <Checkbox
            label="Also what is the same"
            checked={all}
            onChange={(event) => setAll(event.target.checked)}
          />
        }
      >
        {params.length === 0 ? (
          <p className="p-4 text-sm text-ink-faint">
            In nothing: same model, data set and parameters.
          </p>
        ) : (
          <Table label="In what they differ">
            <RunHeads jobs={jobs} names={names} />
            <tbody>
              {params.map(({ name, values }) => (
                <Row
                  key={name}
                  name={<code className="font-mono text-xs">{name}</code>}
                  cells={values.map((value, at) => (
                    <code key={jobs[at]?.id} className="font-mono text-xs break-words">
                      {valueText(value)}
                    </code>
                  ))}
                />
              ))}
            </tbody>
          </Table>
        )}
      </Card>
    </>
  );
}

function RunHeads({ jobs, names }: CompareTablesProps) {
  return (
    <thead>
      <tr>
        <Th>
          <span className="sr-only">Figure</span>
        </Th>
        {jobs.map((job, at) => (
          <Th key={job.id}>
            <span className="inline-flex items-center gap-2">
              <svg width="14" height="4" aria-hidden>
                <line
                  x2="14"
                  y1="2"
                  y2="2"
                  stroke={`var(--series-${(at % 6) + 1})`}
                  strokeWidth="3"
                  strokeDasharray={at >= 6 ? "4 2" : undefined}
                />
              </svg>
              <Link href={jobHref(job.id)} className="text-ink hover:underline">
                {names[at]}
              </Link>
            </span>
          </Th>
        ))}
      </tr>
    </thead>
  );
}

function Row({ name, cells }: { name: ReactNode; cells: ReactNode[] }) {
  return (
    <tr>
      <th
        scope="row"
        className="border-b border-line px-4 py-2 text-left text-xs font-normal text-ink-faint"
      >
        {name}
      </th>
      {cells.map((cell, at) => (
        <Td key={at} className="tabular-nums">
          {cell}
        </Td>
      ))}
    </tr>
  );
}
