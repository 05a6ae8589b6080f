"use client";

import { useState } from "react";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { EmptyState, ErrorNotice, SkeletonRows } from "@/components/ui/states";
import { formatNumber, plural } from "@/format";
import type { Job } from "./job";
import { useJobSamples, type JobSample } from "./use-job-samples";

/** How the model's answers to the same prompts change as it is trained. */
export default function SamplesTab({ job }: { job: Job }) {
  const { samples, loaded, error, retry } = useJobSamples(job.id);
  // Null: the newest, and the next one when it comes.
  const [chosen, setChosen] = useState<number | null>(null);
  if (error != null && samples.length === 0) {
    return <ErrorNotice title="The samples could not be loaded" error={error} retry={retry} />;
  }
  if (!loaded && samples.length === 0) return <SkeletonRows rows={6} />;
  if (samples.length === 0) {
    return (
      <Card>
        <EmptyState title="No samples">
          {job.type === "finetune"
            ? "A training with sample prompts answers them at every evaluation, so that you can read how it changes. Set them under “Samples” when you start one."
            : "Only trainings answer sample prompts."}
        </EmptyState>
      </Card>
    );
  }
  const steps = [...new Set(samples.map(({ step }) => step))];
  const last = steps.length - 1;
  const at = chosen ?? last;
  const step = steps[at] ?? 0;
  const first = steps[0] ?? 0;
  const prompts = [
    ...new Map(samples.map((sample) => [sample.index, sample.prompt])).entries(),
  ].sort(([a], [b]) => a - b);
  const answer = (index: number, ofStep: number): JobSample | undefined =>
    samples.find((sample) => sample.index === index && sample.step === ofStep);

  return (
    <div className="space-y-4">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-sm">
        <label className="flex min-w-0 flex-1 items-center gap-3">
          <span className="shrink-0 font-medium">Step</span>
          <input
            type="range"
            min={0}
            max={last}
            value={at}
            disabled={last === 0}
            aria-valuetext={`step ${step}`}
            className="min-w-0 flex-1 accent-accent"
            onChange={(event) => {
              const next = Number(event.target.value);
              setChosen(next === last ? null : next);
            }}
          />
        </label>
        <output className="w-40 text-right text-ink-soft tabular-nums">
          {formatNumber(step)} ({at + 1} of {steps.length})
        </output>
      </div>
      {prompts.map(([index, prompt]) => (
        <Card key={index} title={<span className="whitespace-pre-line">{prompt}</span>}>
          <div className="grid gap-x-6 gap-y-4 md:grid-cols-2">
            <Answer
              label={first === 0 ? "Before training" : `Step ${first}`}
              sample={answer(index, first)}
            />
            <Answer label={`Step ${formatNumber(step)}`} sample={answer(index, step)} />
          </div>
        </Card>
      ))}
    </div>
  );
}

function Answer({ label, sample }: { label: string; sample: JobSample | undefined }) {
  return (
    <div className="min-w-0">
      <p className="mb-1 flex items-center gap-2 text-xs text-ink-faint">
        {label}
        {sample && <span>{plural(sample.tokens, "token")}</span>}
        {sample?.finish_reason === "length" && <Badge>cut</Badge>}
      </p>
      <p className="text-sm break-words whitespace-pre-wrap">
        {sample ? sample.text || <span className="text-ink-faint">(nothing)</span> : "–"}
      </p>
    </div>
  );
}
