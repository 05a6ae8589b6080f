"use client";

import { Plus } from "lucide-react";
import { useSearchParams } from "next/navigation";
import { Suspense, useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { lazily } from "@/components/ui/lazily";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { useEngines, useSystemMemory } from "./engines";
import { FilterBar } from "./filter-bar";
import { ImportsCard } from "./imports-card";
import {
  isFiltered,
  noFilters,
  readFilters,
  writeFilters,
  type ModelFilters,
} from "./model-filters";
import { useModelList } from "./model-list";
import { ModelTable } from "./model-table";
import { useModelsView } from "./view-choice";

const ModelCards = lazily(
  () => import("./model-cards").then((module) => module.ModelCards),
  <SkeletonRows rows={8} />,
);
const RegisterDialog = lazily(() =>
  import("./register-dialog").then((module) => module.RegisterDialog),
);

export function ModelsPage() {
  const [registering, setRegistering] = useState(false);
  const register = (): void => setRegistering(true);
  return (
    <>
      <PageHeader
        title="Models"
        lead="What can be served, trained and evaluated here: base models, adapters, and what was made of them."
        actions={
          <Button look="primary" onClick={register}>
            <Plus size={16} aria-hidden />
            Register a model
          </Button>
        }
      />
      <ImportsCard />
      <Suspense fallback={<SkeletonRows rows={8} />}>
        <ModelBrowser onRegister={register} />
      </Suspense>
      {registering && <RegisterDialog onClose={() => setRegistering(false)} />}
    </>
  );
}

function ModelBrowser({ onRegister }: { onRegister: () => void }) {
  const filters = readFilters(useSearchParams());
  const setFilters = (next: ModelFilters): void =>
    window.history.replaceState(null, "", window.location.pathname + writeFilters(next));
  const [view, setView] = useModelsView();
  const { models, error, hasMore, loadingMore, loadMore, retry } = useModelList(filters);
  const { data: engines } = useEngines();
  const memory = useSystemMemory();
  const circumstances = { engines: engines?.data ?? [], memory };
  return (
    <>
      <FilterBar filters={filters} onChange={setFilters} view={view} onView={setView} />
      {error != null && <ErrorNotice error={error} title="The models did not come" retry={retry} />}
      {!models && error == null && <SkeletonRows rows={8} />}
      {models?.length === 0 && (
        <Card>
          {isFiltered(filters) ? (
            <EmptyState
              title="No model fits these filters"
              action={
                <Button onClick={() => setFilters({ ...noFilters, sort: filters.sort })}>
                  Clear the filters
                </Button>
              }
            />
          ) : (
            <EmptyState
              title="No models yet"
              action={
                <Button look="primary" onClick={onRegister}>
                  Register a model
                </Button>
              }
            >
              Register one from the Hugging Face Hub, a folder or GGUF file on this machine, or an
              archive of another hub.
            </EmptyState>
          )}
        </Card>
      )}
      {models && models.length > 0 && (
        <>
          {view === "list" ? (
            <Card flush>
              <ModelTable
                models={models}
                {...circumstances}
                sort={filters.sort}
                onSort={(sort) => setFilters({ ...filters, sort })}
              />
            </Card>
          ) : (
            <ModelCards models={models} {...circumstances} />
          )}
          {hasMore && (
            <div className="mt-4 flex justify-center">
              <Button busy={loadingMore} onClick={loadMore}>
                Show more
              </Button>
            </div>
          )}
        </>
      )}
    </>
  );
}
