"use client";

import { useState } from "react";
import { useHub, type Schemas } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/ui/states";
import { Choice } from "@/components/ui/tabs";
import { formatNumber } from "@/format";
import { PreviewRow } from "./preview-row";
import { TokenLegend } from "./token-text";

export type PartName = "train" | "valid" | "test";

const pageRows = 10;

interface DatasetPreviewProps {
  dataset: Schemas["Dataset"];
  /** Whose tokenizer and template cut the rows; empty: the default model's. */
  model: string;
}

/** The rows of a part, page by page, as a model sees them. */
export function DatasetPreview({ dataset, model }: DatasetPreviewProps) {
  const [part, setPart] = useState<PartName>("train");
  const parts = partsOf(dataset);
  return (
    <Card
      title="Rows as the model reads them"
      flush
      actions={
        parts.length > 1 && (
          <Choice label="Part" options={parts} selected={part} onSelect={setPart} />
        )
      }
    >
      <Pages key={`${part} ${model}`} dataset={dataset} part={part} model={model} />
    </Card>
  );
}

function partsOf({ parts, rows }: Schemas["Dataset"]): { id: PartName; label: string }[] {
  const counts: [PartName, number | undefined][] = [
    ["train", rows],
    ["valid", parts?.valid?.rows],
    ["test", parts?.test?.rows],
  ];
  return counts.flatMap(([id, count]) =>
    count === undefined ? [] : [{ id, label: `${id} ${formatNumber(count)}` }],
  );
}

interface PagesProps extends DatasetPreviewProps {
  part: PartName;
}

function Pages({ dataset, part, model }: PagesProps) {
  // The cursors of the pages up to this one; the first page has none.
  const [cursors, setCursors] = useState<(string | undefined)[]>([undefined]);
  const { data, error, isLoading, mutate } = useHub("/datasets/{id}/preview", {
    params: {
      path: { id: dataset.name },
      query: {
        limit: pageRows,
        part,
        cursor: cursors.at(-1),
        ...(model !== "" && { model }),
      },
    },
  });
  if (error && !data) {
    return (
      <div className="p-4">
        <ErrorNotice error={error} title="The rows cannot be shown" retry={() => void mutate()} />
      </div>
    );
  }
  if (!data) return <Waiting />;
  const rows = data.data ?? [];
  const next = data.next_cursor;
  return (
    <>
      <div className="flex flex-wrap justify-between gap-2 border-b border-line px-4 py-2">
        <TokenLegend />
        {data.model && <p className="text-xs text-ink-faint">Tokenizer of {data.model}</p>}
      </div>
      {rows.length === 0 ? (
        <EmptyState title="This part has no row" />
      ) : (
        <ul aria-busy={isLoading} className={isLoading ? "opacity-60" : undefined}>
          {rows.map((row) => (
            <PreviewRow key={row.line} row={row} />
          ))}
        </ul>
      )}
      {(cursors.length > 1 || next !== null) && (
        <div className="flex items-center justify-between gap-3 border-t border-line p-3">
          <Button
            size="small"
            disabled={cursors.length === 1}
            onClick={() => setCursors(cursors.slice(0, -1))}
          >
            Earlier rows
          </Button>
          <span role="status" className="text-xs text-ink-faint tabular-nums">
            Page {cursors.length}
          </span>
          <Button
            size="small"
            disabled={next === null}
            onClick={() => next !== null && setCursors([...cursors, next])}
          >
            More rows
          </Button>
        </div>
      )}
    </>
  );
}

const Waiting = () => (
  <div role="status" aria-label="Loading" className="space-y-4 p-4">
    {Array.from({ length: 5 }, (_, row) => (
      <Skeleton key={row} className="h-24" />
    ))}
  </div>
);
