"use client";

import { useSearchParams } from "next/navigation";
import { Suspense } from "react";
import { useHub, type Schemas } from "@/api/client";
import { ApiError } from "@/api/errors";
import { Card } from "@/components/ui/card";
import { LinkButton } from "@/components/ui/button";
import { lazily } from "@/components/ui/lazily";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice, Skeleton, SkeletonRows } from "@/components/ui/states";
import { Tabs, type Tab } from "@/components/ui/tabs";
import { currentVersion } from "./current-version";
import { ModelHeader } from "./model-header";
import { modelHref, type ModelTab } from "@/links";
import { ModelSummary } from "./model-summary";
import { VersionChoice } from "./version-choice";

const loading = <SkeletonRows rows={6} />;
const VersionsTab = lazily(
  () => import("./versions-tab").then((module) => module.VersionsTab),
  loading,
);
const LineageTab = lazily(
  () => import("./lineage-tab").then((module) => module.LineageTab),
  loading,
);
const FilesTab = lazily(() => import("./files-tab").then((module) => module.FilesTab), loading);
const ConfigurationTab = lazily(
  () => import("./configuration-tab").then((module) => module.ConfigurationTab),
  loading,
);
const AliasesTab = lazily(
  () => import("./aliases-tab").then((module) => module.AliasesTab),
  loading,
);
const SyncTab = lazily(() => import("./sync-tab").then((module) => module.SyncTab), loading);

const tabs: readonly Tab<ModelTab>[] = [
  { id: "versions", label: "Versions" },
  { id: "lineage", label: "Lineage" },
  { id: "files", label: "Files" },
  { id: "configuration", label: "Configuration" },
  { id: "aliases", label: "Aliases" },
  { id: "sync", label: "Sync" },
];

export function ModelPage() {
  return (
    <Suspense fallback={<PageSkeleton />}>
      <NamedModel />
    </Suspense>
  );
}

function PageSkeleton() {
  return (
    <>
      <PageHeader
        title="Model"
        lead="What it is and where it comes from, its versions, files, configuration and aliases, what was made of it, and whether this machine's memory holds it."
      />
      <Skeleton className="mb-6 h-28 rounded-xl" />
      <SkeletonRows rows={6} />
    </>
  );
}

function NamedModel() {
  const params = useSearchParams();
  const id = params.get("name") ?? params.get("id");
  const {
    data: model,
    error,
    mutate,
  } = useHub("/models/{id}", id == null ? null : { params: { path: { id } } });
  if (id == null || (error instanceof ApiError && error.status === 404)) {
    return (
      <>
        <PageHeader title={id ?? "Model"} />
        <Card>
          <EmptyState
            title={id == null ? "No model was named" : "There is no model of this name"}
            action={
              <LinkButton href="/models/" look="primary">
                See all models
              </LinkButton>
            }
          >
            It may have been removed.
          </EmptyState>
        </Card>
      </>
    );
  }
  if (!model) {
    return error == null ? (
      <PageSkeleton />
    ) : (
      <>
        <PageHeader title={id} />
        <ErrorNotice error={error} title="The model did not come" retry={() => void mutate()} />
      </>
    );
  }
  const asked = params.get("tab");
  const version = Number(params.get("version"));
  return (
    <LoadedModel
      key={model.id}
      model={model}
      tab={tabs.find((tab) => tab.id === asked)?.id ?? "versions"}
      asked={Number.isInteger(version) && version > 0 ? version : null}
      onChange={(next, save) =>
        mutate(
          async () => {
            await save();
            return next;
          },
          { optimisticData: next, rollbackOnError: true },
        )
      }
    />
  );
}

interface LoadedModelProps {
  model: Schemas["Model"];
  tab: ModelTab;
  /** The number of the version that the address names. */
  asked: number | null;
  onChange: (next: Schemas["Model"], save: () => Promise<unknown>) => Promise<unknown>;
}

function LoadedModel({ model, tab, asked, onChange }: LoadedModelProps) {
  const version =
    model.versions.find((one) => one.version === asked) ?? currentVersion(model) ?? null;
  const go = (next: { tab?: ModelTab; version?: number }): void => {
    const href = modelHref(model.name, {
      tab: next.tab ?? tab,
      version: next.version ?? asked ?? undefined,
    });
    // Within the page: only what follows the path changes.
    window.history.replaceState(null, "", href.slice(href.indexOf("?")));
  };
  return (
    <>
      <ModelHeader model={model} onChange={onChange} />
      <ModelSummary model={model} />
      <Tabs label="About the model" tabs={tabs} selected={tab} onSelect={(id) => go({ tab: id })}>
        {tab === "versions" && (
          <VersionsTab
            model={model}
            selected={version}
            onSelect={(number) => go({ version: number })}
          />
        )}
        {tab === "lineage" && <LineageTab model={model} />}
        {(tab === "files" || tab === "configuration") && version && (
          <>
            <VersionChoice
              model={model}
              selected={version.version}
              onSelect={(number) => go({ version: number })}
            />
            {tab === "files" ? (
              <FilesTab key={version.id} id={version.id} />
            ) : (
              <ConfigurationTab key={version.id} id={version.id} />
            )}
          </>
        )}
        {tab === "aliases" && <AliasesTab model={model} />}
        {tab === "sync" && <SyncTab model={model} />}
      </Tabs>
    </>
  );
}
