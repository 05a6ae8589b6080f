"use client";

import { X } from "lucide-react";
import { useHub } from "@/api/client";
import { Badge } from "@/components/ui/badge";
import { Button, IconButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { Table, Td, Th } from "@/components/ui/table";
import { formatTime } from "@/format";
import { modelOf } from "./comparable";
import { formatDifference, isBetter, metrics, type Evaluation, type Metric } from "./metrics";

interface ComparisonProps {
  /** At least two; the first is what the others are compared with. */
  ids: readonly string[];
  onIds: (ids: string[]) => void;
}

/** Several evaluations side by side, each with its differences to a chosen one. */
export function Comparison({ ids, onIds }: ComparisonProps) {
  const { data, error, mutate } = useHub("/evaluations", {
    params: { query: { compare: ids.join(",") } },
  });
  const shown = data?.data ?? [];
  return (
    <Card
      title={`Comparison of ${ids.length}`}
      flush
      actions={
        <IconButton label="Close the comparison" onClick={() => onIds([])}>
          <X size={17} aria-hidden />
        </IconButton>
      }
    >
      {error ? (
        <div className="p-4">
          <ErrorNotice error={error} title="They cannot be compared" retry={() => void mutate()} />
        </div>
      ) : data ? (
        <ComparisonTable
          evaluations={shown}
          onFirst={(id) => onIds([id, ...ids.filter((other) => other !== id)])}
          onRemove={(id) => onIds(ids.filter((other) => other !== id))}
        />
      ) : (
        <SkeletonRows rows={ids.length + 1} className="p-4" />
      )}
    </Card>
  );
}

interface ComparisonTableProps {
  evaluations: Evaluation[];
  onFirst: (id: string) => void;
  onRemove: (id: string) => void;
}

function ComparisonTable({ evaluations, onFirst, onRemove }: ComparisonTableProps) {
  const columns = metrics.filter(({ name }) =>
    evaluations.some((one) => one.metrics[name] !== undefined),
  );
  return (
    <Table label="Comparison">
      <thead>
        <tr>
          <Th>Model</Th>
          {columns.map(({ name, label }) => (
            <Th key={name} numeric>
              {label}
            </Th>
          ))}
          <Th>
            <span className="sr-only">Actions</span>
          </Th>
        </tr>
      </thead>
      <tbody>
        {evaluations.map((evaluation, index) => (
          <tr key={evaluation.id}>
            <th
              scope="row"
              className="border-b border-line px-4 py-2.5 font-normal in-[tbody>tr:last-child]:border-b-0"
            >
              <span className="font-medium">{modelOf(evaluation)}</span>
              {evaluation.model_version && (
                <span className="text-ink-faint">:{evaluation.model_version.version}</span>
              )}
              <span className="block text-xs text-ink-faint">
                {formatTime(evaluation.created_at)}
              </span>
            </th>
            {columns.map((metric) => (
              <Td key={metric.name} numeric>
                {metric.format(evaluation.metrics[metric.name])}
                {index > 0 && (
                  <Difference metric={metric} value={evaluation.difference?.[metric.name]} />
                )}
              </Td>
            ))}
            <Td className="text-right whitespace-nowrap">
              {index === 0 ? (
                <Badge tone="accent">compared with</Badge>
              ) : (
                <Button size="small" look="quiet" onClick={() => onFirst(evaluation.id)}>
                  Compare with this
                </Button>
              )}
              {evaluations.length > 2 && (
                <IconButton
                  label={`Take ${modelOf(evaluation)} out of the comparison`}
                  className="align-middle"
                  onClick={() => onRemove(evaluation.id)}
                >
                  <X size={15} aria-hidden />
                </IconButton>
              )}
            </Td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

/** A difference with its sign, and a word for which way that is. */
function Difference({ metric, value }: { metric: Metric; value: number | undefined }) {
  if (value === undefined) return null;
  const better = isBetter(metric, value);
  if (better === null) {
    // As many rows and tokens as the first: nothing to say.
    if (metric.better === null && value === 0) return null;
    return <span className="block text-xs text-ink-faint">{formatDifference(metric, value)}</span>;
  }
  return (
    <span className={`block text-xs ${better ? "text-good" : "text-bad"}`}>
      {formatDifference(metric, value)} {better ? "better" : "worse"}
    </span>
  );
}
