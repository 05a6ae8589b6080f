"use client";

import { useState, type ReactNode } from "react";
import type { Schemas } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Card, Stat } from "@/components/ui/card";
import { Table, Td, Th } from "@/components/ui/table";
import { formatBytes, formatNumber, formatPercent, plural } from "@/format";
import { LengthScale } from "./length-scale";

type Report = Schemas["DatasetReport"];

/** Problems shown before somebody asks for all of them. */
const firstProblems = 8;

interface DatasetReportProps {
  report: Report;
  /** Chooses whose tokens are counted. */
  picker: ReactNode;
  stale: boolean;
}

/** What the hub found in the rows, and how long they are in a model's tokens. */
export function DatasetReport({ report, picker, stale }: DatasetReportProps) {
  const { tokens } = report;
  return (
    <Card title="Report">
      <div className={stale ? "space-y-5 opacity-60" : "space-y-5"} aria-busy={stale}>
        {picker}
        <dl className="grid grid-cols-2 gap-4 sm:grid-cols-4">
          <Stat label="Rows to train on" value={formatNumber(report.rows)} note={report.format} />
          <Stat
            label="Size"
            value={formatBytes(report.size_bytes)}
            note={report.file_type.toUpperCase()}
          />
          <Stat label="Problems" value={formatNumber(report.problem_count)} />
          {tokens && (
            <Stat
              label="Counts in the loss"
              value={formatPercent(tokens.trained_share, 1)}
              note={`${formatNumber(tokens.trained)} of ${formatNumber(tokens.total)} tokens`}
            />
          )}
        </dl>
        {tokens ? (
          <Tokens tokens={tokens} rows={report.rows} />
        ) : (
          <p className="text-sm text-ink-soft">
            No model was at hand to count tokens with. Choose one above.
          </p>
        )}
        {report.problem_count > 0 && <ProblemList report={report} />}
      </div>
    </Card>
  );
}

function Tokens({ tokens, rows }: { tokens: NonNullable<Report["tokens"]>; rows: number }) {
  const measured = tokens.rows_measured ?? rows;
  const cut = tokens.truncated_rows ?? 0;
  const skipped = tokens.skipped_rows ?? 0;
  return (
    <div className="space-y-3">
      <LengthScale tokens={tokens} />
      <ul className="space-y-1 text-sm text-ink-soft">
        {cut > 0 && (
          <li className="text-warn">
            {plural(cut, "row")} longer than {formatNumber(tokens.max_seq_length)} tokens lose their
            end.
          </li>
        )}
        {skipped > 0 && (
          <li className="text-warn">
            {plural(skipped, "row")} have no token to train on and are skipped.
          </li>
        )}
        {cut === 0 && skipped === 0 && (
          <li>
            Every row fits into {formatNumber(tokens.max_seq_length)} tokens and has something to
            train on.
          </li>
        )}
        {measured < rows && <li>Lengths are those of the first {plural(measured, "row")}.</li>}
      </ul>
    </div>
  );
}

/** What is wrong with rows, by their lines. */
function ProblemList({ report }: { report: Report }) {
  const [all, setAll] = useState(false);
  const shown = all ? report.problems : report.problems.slice(0, firstProblems);
  const place = report.file_type === "parquet" ? "Row" : "Line";
  return (
    <div>
      <h3 className="mb-2 text-sm font-medium">{plural(report.problem_count, "problem")}</h3>
      <div className="rounded-lg border border-line">
        <Table label="Problems">
          <thead>
            <tr>
              <Th numeric className="w-20">
                {place}
              </Th>
              <Th>What is wrong</Th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ line, message }, index) => (
              <tr key={index}>
                <Td numeric className="align-top">
                  {formatNumber(line)}
                </Td>
                <Td className="min-w-64 break-words">{message}</Td>
              </tr>
            ))}
          </tbody>
        </Table>
      </div>
      {report.problems.length > firstProblems && (
        <Button size="small" className="mt-2" onClick={() => setAll(!all)}>
          {all ? "Show fewer" : `Show ${report.problems.length}`}
        </Button>
      )}
      {all && report.problem_count > report.problems.length && (
        <p className="mt-2 text-xs text-ink-faint">
          The hub keeps the first {report.problems.length}.
        </p>
      )}
    </div>
  );
}
