"use client";

import { useState } from "react";
import { useRefresh } from "@/api/refresh";
import { useToasts } from "@/components/ui/toast";
import type { Job } from "./job";

/** What a job will be once the hub has done what it was asked; null: it will be gone. */
type Foreseen = Partial<Job> | null;

interface Change {
  foreseen: Foreseen;
  perform: () => Promise<unknown>;
  /** Said in front of the reason when it failed: "The job could not be cancelled". */
  failed: string;
  done?: string;
}

export interface JobChanges {
  /** Shows what will be, does it, and shows what was again when it fails. True when it worked. */
  change: (id: string, change: Change) => Promise<boolean>;
  /** The job as it will be; null when it is being removed. */
  foresee: (job: Job) => Job | null;
  isChanging: (id: string) => boolean;
}

/** Changes of jobs that are shown before the hub has made them. */
export function useJobChanges(): JobChanges {
  const [pending, setPending] = useState<ReadonlyMap<string, Foreseen>>(() => new Map());
  const refresh = useRefresh();
  const toasts = useToasts();

  const set = (id: string, foreseen: Foreseen | undefined): void => {
    setPending((all) => {
      const next = new Map(all);
      if (foreseen === undefined) next.delete(id);
      else next.set(id, foreseen);
      return next;
    });
  };

  return {
    change: async (id, { foreseen, perform, failed, done }) => {
      set(id, foreseen);
      try {
        await perform();
        if (done) toasts.say(done);
        // What was foreseen stays until what is has come.
        await refresh(["/jobs"]).catch(() => undefined);
        return true;
      } catch (error) {
        toasts.fail(failed, error);
        return false;
      } finally {
        set(id, undefined);
      }
    },
    foresee: (job) => {
      const foreseen = pending.get(job.id);
      if (foreseen === undefined) return job;
      return foreseen && { ...job, ...foreseen };
    },
    isChanging: (id) => pending.has(id),
  };
}
