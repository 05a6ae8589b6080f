"use client";

import { useRouter } from "next/navigation";
import useSWR from "swr";
import { useAction } from "@/api/action";
import { api, type Schemas } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { jobHref } from "@/links";
import { EnvironmentDifferences } from "./environment-differences";
import type { Job } from "./job";

interface ReproduceDialogProps {
  job: Job;
  open: boolean;
  onClose: () => void;
}

interface Foreseen {
  environment: Schemas["EnvironmentDifferences"];
  output: { name?: string } | null;
}

async function foresee(id: string): Promise<Foreseen> {
  const { data } = await api.POST("/jobs/{id}/reproduce", {
    params: { path: { id } },
    body: { dry_run: true },
  });
  // With dry_run the answer is the foreseen one.
  return data as Foreseen;
}

/** Says how this machine differs from what the job ran in, then does the job again. */
export function ReproduceDialog({ job, open, onClose }: ReproduceDialogProps) {
  return (
    <Dialog title="Reproduce this job" open={open} onClose={onClose} wide>
      <Reproduce job={job} onClose={onClose} />
    </Dialog>
  );
}

function Reproduce({ job, onClose }: { job: Job; onClose: () => void }) {
  const router = useRouter();
  const { data, error } = useSWR<Foreseen, unknown>(["reproduce", job.id], () => foresee(job.id), {
    revalidateOnMount: true,
  });
  const reproduce = useAction(
    async () => {
      const answer = await api.POST("/jobs/{id}/reproduce", {
        params: { path: { id: job.id } },
        body: { dry_run: false },
      });
      // Without dry_run the answer is a job.
      const made = answer.data as Job;
      onClose();
      router.push(jobHref(made.id));
    },
    { done: "The reproduction is queued" },
  );
  return (
    <div className="space-y-4 text-sm">
      <p className="text-ink-soft">
        A new job does the same work again: same parameters, seed, base and data set. When it has
        ended, its page says how far the two differ.
        {data?.output?.name && (
          <>
            {" "}
            What it makes is named <strong className="text-ink">{data.output.name}</strong>.
          </>
        )}
      </p>
      {!data && error == null && <SkeletonRows rows={3} />}
      <ErrorNotice title="This job cannot be reproduced" error={error} />
      {data && <EnvironmentDifferences found={data.environment} now="This machine now" />}
      <ErrorNotice error={reproduce.error} />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Not now</Button>
        <Button
          look="primary"
          disabled={!data}
          busy={reproduce.busy}
          onClick={() => void reproduce.run()}
        >
          Reproduce it
        </Button>
      </div>
    </div>
  );
}
