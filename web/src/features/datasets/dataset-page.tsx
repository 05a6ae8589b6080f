"use client";

import { Trash2 } from "lucide-react";
import { useRouter, useSearchParams } from "next/navigation";
import { Suspense, useState } from "react";
import { useHub, type Schemas } from "@/api/client";
import { ApiError } from "@/api/errors";
import { Button, LinkButton } from "@/components/ui/button";
import { lazily, useHasBeen, useLoadedLater } from "@/components/ui/lazily";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/ui/states";
import { ModelPicker } from "@/components/pickers/model-picker";
import { DatasetFacts } from "./dataset-facts";
import { datasetHref, trainOnHref } from "@/links";
import { DatasetPreview } from "./dataset-preview";
import { DatasetReport } from "./dataset-report";

const loadDelete = () => import("./delete-dataset");
const DeleteDataset = lazily(() => loadDelete().then((module) => module.DeleteDataset));

export function DatasetPage() {
  return (
    <Suspense fallback={<Loading name="Data set" />}>
      <Named />
    </Suspense>
  );
}

function Named() {
  const search = useSearchParams();
  const name = search.get("name") ?? search.get("id");
  if (name === null) {
    return (
      <>
        <PageHeader title="Data set" />
        <EmptyState
          title="The address names no data set"
          action={<LinkButton href="/datasets/">All data sets</LinkButton>}
        />
      </>
    );
  }
  return <OneDataset name={name} model={search.get("model") ?? ""} />;
}

const Loading = ({ name }: { name: string }) => (
  <>
    <PageHeader
      title={name}
      lead="How long its examples are in a model's tokens, what was found in them that does not belong there, and what a model sees and learns of each."
    />
    <div role="status" aria-label="Loading" className="space-y-4">
      <Skeleton className="h-80" />
      <Skeleton className="h-96" />
    </div>
  </>
);

function OneDataset({ name, model }: { name: string; model: string }) {
  const router = useRouter();
  const { data, error, isValidating, mutate } = useHub("/datasets/{id}", {
    params: { path: { id: name }, query: model === "" ? {} : { model } },
  });
  if (error && !data) return <Unread name={name} error={error} retry={() => void mutate()} />;
  if (!data) return <Loading name={name} />;
  const setModel = (chosen: string): void => {
    const query = chosen === "" ? "" : `&model=${encodeURIComponent(chosen)}`;
    router.replace(datasetHref(data.name) + query, { scroll: false });
  };
  const measured = data.report?.model;
  return (
    <>
      <PageHeader
        title={data.name}
        lead={`Format ${data.format}`}
        actions={
          <>
            <DeleteButton dataset={data} />
            <LinkButton look="primary" href={trainOnHref(data.name)}>
              Train on it
            </LinkButton>
          </>
        }
      />
      <div className="space-y-4">
        {error && <ErrorNotice error={error} title="The report could not be made for this model" />}
        <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
          {data.report && (
            <DatasetReport
              report={data.report}
              stale={isValidating && model !== "" && measured !== model}
              picker={
                <div className="max-w-lg">
                  <ModelPicker
                    label="Measured with the tokenizer of"
                    value={model}
                    onChange={setModel}
                    none={measured ? `${measured} (default)` : "The default model"}
                  />
                </div>
              }
            />
          )}
          <DatasetFacts dataset={data} />
        </div>
        <DatasetPreview dataset={data} model={model} />
      </div>
    </>
  );
}

function DeleteButton({ dataset }: { dataset: Schemas["Dataset"] }) {
  const [asking, setAsking] = useState(false);
  const hasAsked = useHasBeen(asking);
  useLoadedLater(loadDelete);
  return (
    <>
      <Button look="danger" onClick={() => setAsking(true)}>
        <Trash2 size={15} aria-hidden />
        Delete
      </Button>
      {hasAsked && (
        <DeleteDataset dataset={dataset} open={asking} onClose={() => setAsking(false)} />
      )}
    </>
  );
}

interface UnreadProps {
  name: string;
  error: unknown;
  retry: () => void;
}

function Unread({ name, error, retry }: UnreadProps) {
  const gone = error instanceof ApiError && error.status === 404;
  return (
    <>
      <PageHeader title={name} />
      {gone ? (
        <EmptyState
          title={`There is no data set named ${name}`}
          action={<LinkButton href="/datasets/">All data sets</LinkButton>}
        >
          It may have been removed.
        </EmptyState>
      ) : (
        <ErrorNotice error={error} title="The data set could not be read" retry={retry} />
      )}
    </>
  );
}
