"use client";

import { useHub } from "@/api/client";
import { shortId } from "@/format";
import { shortJobTitle } from "@/features/overview/job-title";
import type { Holder } from "./ledger";

/** What holders of memory are called: engines by their model, jobs by what they do. */
export function useHolderNames(): (holder: Holder) => string {
  const { data } = useHub("/jobs", { params: { query: { state: "RUNNING" } } });
  return ({ kind, name }) => {
    if (kind !== "job") return name;
    const job = data?.data.find(({ id }) => id === name);
    return job ? shortJobTitle(job) : `Job ${shortId(name)}`;
  };
}
