"use client";

import { useSearchParams } from "next/navigation";
import { useState } from "react";
import { useHub } from "@/api/client";
import { ErrorNotice } from "@/components/ui/states";
import { draftOfJob, emptyDraft, loadDraft, type Draft } from "./draft";
import { TrainForm } from "./train-form";
import { TrainLoading } from "./train-loading";

/** Another address is another beginning. */
export function TrainStart() {
  const search = useSearchParams();
  return <BeginWith key={search.toString()} search={search} />;
}

function BeginWith({ search }: { search: URLSearchParams }) {
  const source = search.toString();
  const from = search.get("from");
  const [stored] = useState(loadDraft);
  if (from !== null && stored?.source !== source) return <FromJob id={from} source={source} />;
  return <TrainForm initial={draftWith(stored ?? emptyDraft, search)} />;
}

/** The draft as it was left; a model or data set that the address names goes before it, once. */
function draftWith(stored: Draft, search: URLSearchParams): Draft {
  const source = search.toString();
  if (stored.source === source) return stored;
  return {
    ...stored,
    model: search.get("model") ?? stored.model,
    dataset: search.get("dataset") ?? stored.dataset,
    source,
  };
}

function FromJob({ id, source }: { id: string; source: string }) {
  const { data, error, mutate } = useHub("/jobs/{id}", { params: { path: { id } } });
  if (error && !data) {
    return (
      <ErrorNotice
        error={error}
        title="The earlier job could not be read"
        retry={() => void mutate()}
      />
    );
  }
  if (!data) return <TrainLoading />;
  return <TrainForm initial={draftOfJob(data, source)} />;
}
