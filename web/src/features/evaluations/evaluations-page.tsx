"use client";

import { Plus } from "lucide-react";
import { useRouter, useSearchParams } from "next/navigation";
import { Suspense, useState } from "react";
import { useHubPages } from "@/api/pages";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { lazily } from "@/components/ui/lazily";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { plural } from "@/format";
import { filtered, type EvaluationFilter } from "./comparable";
import { Comparison } from "./comparison";
import { EvaluationFilters } from "./evaluation-filters";
import { EvaluationTable } from "./evaluation-table";
import { compareEvaluationsHref } from "@/links";

const NewEvaluationDialog = lazily(() =>
  import("./new-evaluation-dialog").then((module) => module.NewEvaluationDialog),
);

const pageSize = 100;
/** The hub compares so many at once. */
const mostCompared = 32;

const lead = "How well models do on data sets: the loss, exact answers, choices.";

export function EvaluationsPage() {
  return (
    <Suspense
      fallback={
        <>
          <PageHeader title="Evaluations" lead={lead} />
          <Card title="All evaluations">
            <SkeletonRows />
          </Card>
        </>
      }
    >
      <Evaluations />
    </Suspense>
  );
}

function Evaluations() {
  const search = useSearchParams();
  const router = useRouter();
  const compared = (search.get("compare") ?? "").split(",").filter((id) => id !== "");
  const [chosen, setChosen] = useState<string[]>(compared);
  const [asking, setAsking] = useState(search.has("new") || search.has("model"));
  const [filter, setFilter] = useState<EvaluationFilter>({
    model: "",
    dataset: search.get("dataset") ?? "",
    task: search.get("task") ?? "",
  });
  const compare = (ids: string[]): void => {
    setChosen(ids);
    router.replace(compareEvaluationsHref(ids.length > 1 ? ids : []), { scroll: false });
  };
  return (
    <>
      <PageHeader
        title="Evaluations"
        lead={lead}
        actions={
          <Button look="primary" onClick={() => setAsking(true)}>
            <Plus size={16} aria-hidden />
            New evaluation
          </Button>
        }
      />
      <div className="space-y-4">
        {compared.length > 1 && <Comparison ids={compared} onIds={compare} />}
        <AllEvaluations
          filter={filter}
          onFilter={setFilter}
          chosen={chosen}
          onChoose={(ids) => setChosen(ids.slice(0, mostCompared))}
          onCompare={() => compare(chosen)}
        />
      </div>
      {asking && (
        <NewEvaluationDialog
          open
          onClose={() => setAsking(false)}
          model={search.get("model") ?? ""}
          dataset={filter.dataset}
        />
      )}
    </>
  );
}

interface AllEvaluationsProps {
  filter: EvaluationFilter;
  onFilter: (filter: EvaluationFilter) => void;
  chosen: string[];
  onChoose: (ids: string[]) => void;
  onCompare: () => void;
}

function AllEvaluations({ filter, onFilter, chosen, onChoose, onCompare }: AllEvaluationsProps) {
  const { data, error, isLoading, isValidating, size, setSize, mutate } = useHubPages(
    "/evaluations",
    (_, before) =>
      before && !before.next_cursor
        ? null
        : { params: { query: { limit: pageSize, cursor: before?.next_cursor ?? undefined } } },
  );
  const evaluations = data?.flatMap((page) => page.data) ?? [];
  const shown = filtered(evaluations, filter);
  const more = data?.at(-1)?.next_cursor != null;
  if (error && !data) return <ErrorNotice error={error} retry={() => void mutate()} />;
  return (
    <Card
      title="All evaluations"
      flush
      actions={
        chosen.length > 0 && (
          <>
            <Button size="small" look="quiet" onClick={() => onChoose([])}>
              Choose none
            </Button>
            <Button size="small" look="primary" disabled={chosen.length < 2} onClick={onCompare}>
              Compare {chosen.length}
            </Button>
          </>
        )
      }
    >
      {isLoading ? (
        <SkeletonRows className="p-4" />
      ) : evaluations.length === 0 ? (
        <EmptyState title="No evaluation yet">
          Measure a model before and after training, on the same rows, to see what it learned.
        </EmptyState>
      ) : (
        <>
          <div className="flex flex-wrap items-center gap-3 border-b border-line p-3">
            <div className="min-w-0 flex-1 basis-64">
              <EvaluationFilters evaluations={evaluations} filter={filter} onFilter={onFilter} />
            </div>
            <p role="status" className="text-xs text-ink-faint">
              {shown.length === evaluations.length
                ? plural(shown.length, "evaluation")
                : `${shown.length} of ${plural(evaluations.length, "evaluation")}`}
            </p>
          </div>
          {shown.length === 0 ? (
            <EmptyState title="None of those shown is like that">Choose less narrowly.</EmptyState>
          ) : (
            <EvaluationTable evaluations={shown} chosen={chosen} onChoose={onChoose} />
          )}
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
