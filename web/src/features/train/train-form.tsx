"use client";

import { useRouter } from "next/navigation";
import { useCallback, useEffect, useRef, useState } from "react";
import { useAction } from "@/api/action";
import { useHub } from "@/api/client";
import { newIdempotencyKey } from "@/api/idempotency-key";
import { useAllModels } from "@/components/pickers/model-picker";
import { Button } from "@/components/ui/button";
import { lazily } from "@/components/ui/lazily";
import { ErrorNotice, Skeleton } from "@/components/ui/states";
import { jobHref } from "@/links";
import { draftProblems, requestOf, saveDraft, withEntry, type Draft } from "./draft";
import { fieldOf, withRefusal } from "./field-errors";
import { queueJob } from "./finetune-request";
import { FittingSetting } from "./fitting-setting";
import { FormBar, type FormView } from "./form-bar";
import { JobFields } from "./job-fields";
import { LearningRatePreview } from "./learning-rate-preview";
import { obstacles, waitsForWeights } from "./obstacles";
import { PlanBar } from "./plan-bar";
import { PlanPanel } from "./plan-panel";
import { SettingGroups } from "./setting-groups";
import type { Problems } from "./settings/params";
import { situationOf } from "./settings/settings";
import type { Entry } from "./settings/setting";
import { usePlan } from "./use-plan";

/** The reader of YAML is loaded when somebody wants it. */
const YamlView = lazily(
  () => import("./yaml-view").then((module) => module.YamlView),
  <Skeleton className="h-[40rem]" />,
);

/** A fine-tuning job: put together, estimated while it is, and sent. */
export function TrainForm({ initial }: { initial: Draft }) {
  const [draft, setDraft] = useState(initial);
  const [view, setView] = useState<FormView>("form");
  const router = useRouter();
  useEffect(() => saveDraft(draft), [draft]);

  const request = requestOf(draft);
  const planned = usePlan(request);
  const submission = useSubmission((id) => router.push(jobHref(id)));
  const { models } = useAllModels();
  const { data: system } = useHub("/system", {});

  const waits = waitsForWeights(planned.error);
  const refusal = submission.error ?? (waits ? null : planned.error);
  const situation = situationOf(draft.entries);
  const own = {
    ...draftProblems(draft),
    ...obstacles(draft, models ?? [], system?.capabilities ?? {}),
  };
  const problems = withRefusal(own, refusal, situation);
  // The text has no fields at which to say what is wrong.
  const placed = view === "form" && fieldOf(refusal, situation) !== null;
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
  const { plan } = planned;
  const ready =
    request !== null && Object.keys(own).length === 0 && (plan === null || plan.fits_memory);
  // No submit button: Enter in a field is not yet a wish to train.
  const start = (
    <Button
      look="primary"
      className="w-full"
      onClick={() => request && void submission.run(request)}
      busy={submission.busy}
      disabled={!ready || submission.busy}
    >
      {submission.busy ? "Queueing" : "Start training"}
    </Button>
  );

  return (
    <form
      aria-label="Fine-tuning job"
      onSubmit={(event) => event.preventDefault()}
      className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]"
    >
      <div className="min-w-0 space-y-4">
        <FormBar
          entries={draft.entries}
          view={view}
          onView={setView}
          onEntries={(entries) => change((now) => ({ ...now, entries }))}
        />
        {view === "yaml" ? (
          <YamlView draft={draft} plan={plan} onDraft={(next) => change(() => next)} />
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
                rate: plan && <LearningRatePreview params={plan.params} steps={plan.steps} />,
              }}
            />
          </>
        )}
        <PlanBar plan={plan} pending={planned.pending}>
          {start}
        </PlanBar>
      </div>
      <div className="space-y-4 lg:sticky lg:top-20">
        <PlanPanel
          {...planned}
          missing={waits ? weightsToCome : missingOf(draft, own, view)}
          unplacedError={placed || waits ? null : planned.error}
          fix={
            plan && !plan.fits_memory && !planned.pending ? (
              <FittingSetting
                draft={draft}
                plan={plan}
                onApply={({ entries }) =>
                  change((now) => ({ ...now, entries: { ...now.entries, ...entries } }))
                }
              />
            ) : null
          }
        />
        <ErrorNotice error={placed ? null : submission.error} title="The job could not be queued" />
        {start}
      </div>
    </form>
  );
}

const weightsToCome =
  "The model's weights are not here yet. The job fetches them first; what training takes can be said when they are here.";

function missingOf(draft: Draft, problems: Problems, view: FormView): string | null {
  if (draft.model === "") return "Choose a model to see what training it takes.";
  if (draft.dataset === "") return "Choose a data set to see what training on it takes.";
  const [wrong] = Object.entries(problems);
  if (!wrong) return null;
  const [name, problem = ""] = wrong;
  return view === "yaml" ? `${name}: ${problem}.` : "Something is wrong; its field says what.";
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
