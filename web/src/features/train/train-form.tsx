"use client";

import dynamic from "next/dynamic";
import { useRouter } from "next/navigation";
import { useCallback, useEffect, useRef, useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { newIdempotencyKey } from "@/api/idempotency-key";
import { Button } from "@/components/ui/button";
import { ErrorNotice, Skeleton } from "@/components/ui/states";
import { draftProblems, requestOf, saveDraft, withEntry, type Draft } from "./draft";
import { fieldOf, withRefusal } from "./field-errors";
import { queueJob } from "./finetune-request";
import { FittingSetting } from "./fitting-setting";
import { FormBar, type FormView } from "./form-bar";
import { JobFields } from "./job-fields";
import { LearningRatePreview } from "./learning-rate-preview";
import { PlanPanel } from "./plan-panel";
import { SettingGroups } from "./setting-groups";
import { situationOf } from "./settings/settings";
import type { Entry } from "./settings/setting";
import { usePlan } from "./use-plan";

/** The reader of YAML is loaded when somebody wants it. */
const YamlView = dynamic(() => import("./yaml-view").then((module) => module.YamlView), {
  ssr: false,
  loading: () => <Skeleton className="h-[40rem]" />,
});

/** A fine-tuning job: put together, estimated while it is, and sent. */
export function TrainForm({ initial }: { initial: Draft }) {
  const [draft, setDraft] = useState(initial);
  const [view, setView] = useState<FormView>("form");
  const router = useRouter();
  useEffect(() => saveDraft(draft), [draft]);

  const request = requestOf(draft);
  const planned = usePlan(request);
  const submission = useSubmission((id) => router.push(`/jobs/view/?id=${encodeURIComponent(id)}`));

  const situation = situationOf(draft.entries);
  const refusal = submission.error ?? planned.error;
  const problems = withRefusal(draftProblems(draft), refusal, situation);
  const placed = fieldOf(refusal, situation) !== null;
  const { reset } = submission;
  const change = useCallback(
    (next: (draft: Draft) => Draft): void => {
      reset();
      setDraft(next);
    },
    [reset],
  );
  const enter = useCallback(
    (name: string, entry: Entry | undefined) => change((now) => withEntry(now, name, entry)),
    [change],
  );
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (request) void submission.run(request);
  };
  const ready = request !== null && planned.plan?.fits_memory !== false;

  return (
    <form onSubmit={submit} className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
      <div className="min-w-0 space-y-4">
        <FormBar
          entries={draft.entries}
          view={view}
          onView={setView}
          onEntries={(entries) => change((now) => ({ ...now, entries }))}
        />
        {view === "yaml" ? (
          <YamlView draft={draft} plan={planned.plan} onDraft={(next) => change(() => next)} />
        ) : (
          <>
            <JobFields
              draft={draft}
              problems={problems}
              onChange={(part) => change((now) => ({ ...now, ...part }))}
            />
            <SettingGroups
              entries={draft.entries}
              problems={problems}
              onEntry={enter}
              extra={{
                rate: planned.plan && (
                  <LearningRatePreview params={planned.plan.params} steps={planned.plan.steps} />
                ),
              }}
            />
          </>
        )}
      </div>
      <div className="space-y-4 lg:sticky lg:top-20">
        <PlanPanel
          {...planned}
          missing={missingOf(draft)}
          unplacedError={placed ? null : planned.error}
          fix={
            planned.plan && !planned.plan.fits_memory && !planned.pending ? (
              <FittingSetting
                draft={draft}
                plan={planned.plan}
                onApply={({ entries }) =>
                  change((now) => ({ ...now, entries: { ...now.entries, ...entries } }))
                }
              />
            ) : null
          }
        />
        <ErrorNotice error={placed ? null : submission.error} title="The job could not be queued" />
        <Button
          type="submit"
          look="primary"
          className="w-full"
          busy={submission.busy}
          disabled={!ready || submission.busy}
        >
          {submission.busy ? "Queueing" : "Start training"}
        </Button>
      </div>
    </form>
  );
}

function missingOf(draft: Draft): string | null {
  if (draft.model === "") return "Choose a model to see what training it takes.";
  if (draft.dataset === "") return "Choose a data set to see what training on it takes.";
  return requestOf(draft) === null ? "A setting cannot be read; its field says why." : null;
}

/** Sends a job; when that failed and is tried again unchanged, the hub sees that it is the same one. */
function useSubmission(onQueued: (id: string) => void) {
  const attempt = useRef<{ body: string; key: string } | null>(null);
  return useAction(
    async (request: Parameters<typeof queueJob>[0]) => {
      const body = JSON.stringify(request);
      if (attempt.current?.body !== body) attempt.current = { body, key: newIdempotencyKey() };
      const job = await queueJob(request, attempt.current.key);
      attempt.current = null;
      onQueued(job.id);
      return job;
    },
    { done: (job) => `Queued: ${job.output?.name ?? job.id}` },
  );
}
