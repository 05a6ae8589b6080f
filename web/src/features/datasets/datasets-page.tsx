"use client";

import { useHubPages } from "@/api/pages";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { DatasetIntake } from "./dataset-intake";
import { DatasetTable } from "./dataset-table";

export function DatasetsPage() {
  return (
    <>
      <PageHeader
        title="Data sets"
        lead="Rows that models are trained and measured on. Files are checked as they come in, copied, and stored once."
      />
      <div className="space-y-6">
        <DatasetIntake />
        <Registered />
      </div>
    </>
  );
}

function Registered() {
  const { data, error, isLoading, isValidating, size, setSize, mutate } = useHubPages(
    "/datasets",
    (_, before) =>
      before && !before.next_cursor
        ? null
        : { params: { query: { limit: 100, cursor: before?.next_cursor ?? undefined } } },
  );
  const datasets = data?.flatMap((page) => page.data) ?? [];
  const more = data?.at(-1)?.next_cursor != null;
  return (
    <Card title="Registered" flush>
      {error && !data ? (
        <div className="p-4">
          <ErrorNotice error={error} retry={() => void mutate()} />
        </div>
      ) : isLoading ? (
        <SkeletonRows rows={4} className="p-4" />
      ) : datasets.length === 0 ? (
        <EmptyState title="No data set yet">
          Drop a file above. A JSONL file with one{" "}
          <code className="font-mono text-xs">{'{"prompt": "…", "completion": "…"}'}</code> a line
          is enough to begin with.
        </EmptyState>
      ) : (
        <>
          <DatasetTable datasets={datasets} />
          {more && (
            <div className="p-3 text-center">
              <Button busy={isValidating} onClick={() => void setSize(size + 1)}>
                Show more
              </Button>
            </div>
          )}
        </>
      )}
    </Card>
  );
}
