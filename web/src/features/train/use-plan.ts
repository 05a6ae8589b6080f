"use client";

import { useEffect, useState } from "react";
import type { Schemas } from "@/api/client";
import type { FinetuneRequest } from "./draft";
import { planJob } from "./finetune-request";

export type Plan = Schemas["FinetunePlan"];

/** So long nothing is typed before the hub is asked. */
const pauseMs = 400;

export interface Planned {
  /** The newest plan; of an earlier request while `pending`. */
  plan: Plan | null;
  /** Why the request would be refused. */
  error: unknown;
  pending: boolean;
}

interface Answer {
  of: string;
  plan: Plan | null;
  error: unknown;
}

/** Asks the hub what a job would take, a moment after its request last changed. */
export function usePlan(request: FinetuneRequest | null): Planned {
  const body = request === null ? null : JSON.stringify(request);
  const [answer, setAnswer] = useState<Answer | null>(null);
  useEffect(() => {
    if (body === null) return;
    const abort = new AbortController();
    const ask = async (): Promise<void> => {
      try {
        const plan = await planJob(JSON.parse(body) as FinetuneRequest, abort.signal);
        setAnswer({ of: body, plan, error: null });
      } catch (error) {
        if (!abort.signal.aborted)
          setAnswer((last) => ({ of: body, plan: last?.plan ?? null, error }));
      }
    };
    const timer = setTimeout(() => void ask(), pauseMs);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [body]);
  const current = answer !== null && answer.of === body;
  return {
    plan: body === null ? null : (answer?.plan ?? null),
    error: current ? answer.error : null,
    pending: body !== null && !current,
  };
}
