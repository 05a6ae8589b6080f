"use client";

import { useEffect, useRef, useState } from "react";
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

/**
 * Asks the hub what a job would take, a moment after its request last changed. The hub reads every row for that and
 * does not stop when nobody waits any more; so it is asked one question at a time, and then the newest.
 */
export function usePlan(request: FinetuneRequest | null): Planned {
  const body = request === null ? null : JSON.stringify(request);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const asking = useRef(false);
  const wanted = useRef<string | null>(null);

  useEffect(() => {
    wanted.current = body;
    const ask = async (): Promise<void> => {
      if (asking.current) return;
      asking.current = true;
      let asked: string | null = null;
      while (wanted.current !== null && wanted.current !== asked) {
        asked = wanted.current;
        setAnswer(await answerTo(asked));
      }
      asking.current = false;
    };
    if (body === null) return;
    const timer = setTimeout(() => void ask(), pauseMs);
    return () => clearTimeout(timer);
  }, [body]);
  useEffect(
    () => () => {
      wanted.current = null;
    },
    [],
  );

  const [plan, setPlan] = useState<Plan | null>(null);
  if (answer?.plan && answer.plan !== plan) setPlan(answer.plan);
  const current = answer !== null && answer.of === body;
  return {
    plan: body === null ? null : plan,
    error: current ? answer.error : null,
    pending: body !== null && !current,
  };
}

async function answerTo(body: string): Promise<Answer> {
  try {
    const plan = await planJob(JSON.parse(body) as FinetuneRequest);
    return { of: body, plan, error: null };
  } catch (error) {
    return { of: body, plan: null, error };
  }
}
