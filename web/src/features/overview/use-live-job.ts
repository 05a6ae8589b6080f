"use client";

import { useState } from "react";
import useSWR from "swr";
import { expectOk, hubFetch, type Schemas } from "@/api/client";
import { useEvents } from "@/api/events";
import { lossPoints, type LossPoints, type LossReport } from "./loss-points";

type Job = Schemas["Job"];

interface Told {
  jobId: string;
  progress: { step?: number; total?: number | null; eta_seconds?: number | null };
  reports: LossReport[];
  latest: Record<string, unknown>;
}

export interface LiveJob {
  step: number;
  total: number | null;
  share: number | null;
  etaSeconds: number | null;
  loss: LossPoints;
  /** The latest value of each metric. */
  metrics: Record<string, unknown>;
}

const nothing = (jobId: string): Told => ({ jobId, progress: {}, reports: [], latest: {} });

/** The path answers JSON, CSV and TensorBoard's files; the typed client cannot tell which. */
async function readReports(path: string): Promise<LossReport[]> {
  const response = await expectOk(await hubFetch(`${path}?limit=10000`));
  return ((await response.json()) as { data: LossReport[] }).data;
}

/** A running job as its events tell of it. */
export function useLiveJob(job: Job): LiveJob {
  const [told, setTold] = useState(() => nothing(job.id));
  const path = `/jobs/${job.id}/metrics`;
  const { data } = useSWR(["job-reports", path], () => readReports(path));
  useEvents(({ type, subject, data: told }) => {
    if (subject.id !== job.id) return;
    if (type === "job.progress") {
      setTold((before) => ({ ...of(job.id, before), progress: told }));
    } else if (type === "job.metric") {
      setTold((before) => {
        const { progress, reports, latest } = of(job.id, before);
        return {
          jobId: job.id,
          progress,
          reports: [...reports, told],
          latest: { ...latest, ...told },
        };
      });
    }
  });
  const { progress, reports, latest } = of(job.id, told);
  const step = progress.step ?? job.progress.step;
  const total = progress.total ?? job.progress.total;
  return {
    step,
    total,
    share: total ? step / total : null,
    etaSeconds: progress.eta_seconds ?? job.progress.eta_seconds,
    loss: lossPoints([...(data ?? []), ...reports]),
    metrics: { ...job.metrics, ...latest },
  };
}

/** What was told of another job before says nothing of this one. */
function of(jobId: string, told: Told): Told {
  return told.jobId === jobId ? told : nothing(jobId);
}
