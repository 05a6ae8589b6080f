"use client";

import clsx from "clsx";
import type { Schemas } from "@/api/client";
import { useHubPages } from "@/api/pages";
import { Badge, StateBadge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { Age } from "@/components/ui/ticking";
import { Table, Td, Th } from "@/components/ui/table";
import { formatBytes, formatFigure, shortDigest } from "@/format";
import { VersionDetails } from "./version-details";

interface VersionsTabProps {
  model: Schemas["Model"];
  selected: Schemas["Model"]["versions"][number] | null;
  onSelect: (version: number) => void;
}

const shownMetrics = 2;
const usualMetric = "eval_loss";

export function VersionsTab({ model, selected, onSelect }: VersionsTabProps) {
  const { data, error, mutate, size, setSize, isValidating } = useHubPages(
    "/models/{id}/versions",
    (_, previous) => {
      const path = { id: model.id };
      if (!previous) return { params: { path, query: { limit: 50 } } };
      return previous.next_cursor == null
        ? null
        : { params: { path, query: { limit: 50, cursor: previous.next_cursor } } };
    },
  );
  const versions = data?.flatMap((page) => page.data);
  const hasMore = data?.at(-1)?.next_cursor != null;
  if (!versions) {
    return error == null ? (
      <SkeletonRows rows={4} />
    ) : (
      <ErrorNotice error={error} title="The versions did not come" retry={() => void mutate()} />
    );
  }
  return (
    <div className="space-y-4">
      <Card flush>
        {versions.length === 0 ? (
          <EmptyState title="No versions">
            A fine-tuning job, a pull or an import adds one.
          </EmptyState>
        ) : (
          <VersionTable versions={versions} selected={selected?.id} onSelect={onSelect} />
        )}
        {hasMore && (
          <div className="flex justify-center p-3">
            <Button size="small" busy={isValidating} onClick={() => void setSize(size + 1)}>
              Show older versions
            </Button>
          </div>
        )}
      </Card>
      {selected && <VersionDetails key={selected.id} model={model} id={selected.id} />}
    </div>
  );
}

interface VersionTableProps {
  versions: Schemas["Version"][];
  selected: string | undefined;
  onSelect: (version: number) => void;
}

function VersionTable({ versions, selected, onSelect }: VersionTableProps) {
  return (
    <Table label="Versions">
      <thead>
        <tr>
          <Th>Version</Th>
          <Th>Kind</Th>
          <Th>State</Th>
          <Th>Figures</Th>
          <Th numeric>Size</Th>
          <Th>Digest</Th>
          <Th numeric>Made</Th>
        </tr>
      </thead>
      <tbody>
        {versions.map((version) => (
          <tr
            key={version.id}
            className={clsx(version.id === selected ? "bg-accent-soft/50" : "hover:bg-sunken/50")}
          >
            <Td>
              <span className="flex items-center gap-2 whitespace-nowrap">
                <button
                  type="button"
                  aria-pressed={version.id === selected}
                  onClick={() => onSelect(version.version)}
                  className="font-medium underline-offset-2 hover:underline"
                >
                  {version.tag}
                  <span className="sr-only">: show it</span>
                </button>
                {version.aliases.map((alias) => (
                  <Badge key={alias} tone="accent">
                    {alias}
                  </Badge>
                ))}
              </span>
            </Td>
            <Td>{version.kind}</Td>
            <Td>
              <StateBadge state={version.state} />
            </Td>
            <Td className="whitespace-nowrap text-ink-soft tabular-nums">
              {metricWords(version.metrics)}
            </Td>
            <Td numeric>{version.state === "pending" ? "–" : formatBytes(version.size_bytes)}</Td>
            <Td>
              <span className="flex items-center gap-1 whitespace-nowrap">
                <code className="font-mono text-xs" title={version.digest ?? undefined}>
                  {shortDigest(version.digest)}
                </code>
                {version.digest && (
                  <CopyButton text={version.digest} what={`Copy the digest of ${version.tag}`} />
                )}
              </span>
            </Td>
            <Td numeric>
              <Age time={version.created_at} />
            </Td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
}

function metricWords(metrics: Record<string, number>): string {
  const all = Object.entries(metrics)
    .sort(([a], [b]) => Number(b === usualMetric) - Number(a === usualMetric))
    .map(([name, value]) => `${name} ${formatFigure(value)}`);
  if (all.length === 0) return "–";
  const rest = all.length - shownMetrics;
  return all.slice(0, shownMetrics).join(", ") + (rest > 0 ? `, +${rest}` : "");
}
