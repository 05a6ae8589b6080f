"use client";

import { useState, type SubmitEvent } from "react";
import { useAction } from "@/api/action";
import { api } from "@/api/client";
import { ApiError } from "@/api/errors";
import { newIdempotencyKey } from "@/api/idempotency-key";
import { DatasetPicker } from "@/components/pickers/dataset-picker";
import { ModelPicker } from "@/components/pickers/model-picker";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Checkbox, Field, Input } from "@/components/ui/field";
import { ErrorNotice } from "@/components/ui/states";
import {
  evaluationProblems,
  evaluationRequest,
  paramOf,
  type EvaluationDraft,
} from "./evaluation-request";
import { tasks } from "./metrics";

interface NewEvaluationDialogProps {
  open: boolean;
  onClose: () => void;
  /** What is chosen already. */
  model: string;
  dataset: string;
}

export function NewEvaluationDialog({ open, onClose, model, dataset }: NewEvaluationDialogProps) {
  return (
    <Dialog title="New evaluation" open={open} onClose={onClose} wide>
      <EvaluationForm model={model} dataset={dataset} onDone={onClose} />
    </Dialog>
  );
}

interface EvaluationFormProps {
  model: string;
  dataset: string;
  onDone: () => void;
}

function EvaluationForm({ model, dataset, onDone }: EvaluationFormProps) {
  const [draft, setDraft] = useState<EvaluationDraft>({
    model,
    dataset,
    task: "loss",
    maxRows: "",
    maxTokens: "",
    maxLength: "",
    batchSize: "",
    trainOnPrompt: false,
  });
  const queue = useAction(
    async (body: NonNullable<ReturnType<typeof evaluationRequest>>) => {
      await api.POST("/evaluations", {
        params: { header: { "Idempotency-Key": newIdempotencyKey() } },
        body,
      });
      onDone();
    },
    { done: "The evaluation is queued" },
  );
  const request = evaluationRequest(draft);
  const problems = problemsWith(evaluationProblems(draft), queue.error);
  const placed = queue.error instanceof ApiError && placeable.has(queue.error.param ?? "");
  const set = (part: Partial<EvaluationDraft>): void => {
    queue.reset();
    setDraft({ ...draft, ...part });
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (request) void queue.run(request);
  };
  const numbers: { key: keyof typeof paramOf; label: string; blank: string; help: string }[] = [
    { key: "maxRows", label: "Rows at most", blank: "all", help: "The first so many." },
    { key: "maxLength", label: "Sequence length", blank: "2048", help: "Tokens of a row." },
    { key: "batchSize", label: "Batch size", blank: "automatic", help: "Changes no figure." },
  ];
  return (
    <form onSubmit={submit} className="space-y-5">
      <div className="grid gap-4 sm:grid-cols-2">
        <ModelPicker
          value={draft.model}
          onChange={(value) => set({ model: value })}
          error={problems.model}
        />
        <DatasetPicker
          value={draft.dataset}
          onChange={(value) => set({ dataset: value })}
          error={problems.dataset}
          help="Its part test, else valid, else train."
        />
      </div>
      <fieldset>
        <legend className="mb-2 text-sm font-medium">Task</legend>
        <div className="grid gap-2 sm:grid-cols-3">
          {tasks.map(({ id, label, measures }) => (
            <label
              key={id}
              className={`grid grid-cols-[auto_1fr] gap-x-2.5 rounded-lg border p-3 text-sm ${draft.task === id ? "border-accent bg-accent-soft" : "border-line"}`}
            >
              <input
                type="radio"
                name="task"
                checked={draft.task === id}
                onChange={() => set({ task: id })}
                className="mt-0.5 accent-accent"
              />
              <span className="font-medium">{label}</span>
              <span className="col-start-2 text-xs text-ink-soft">{measures}</span>
            </label>
          ))}
        </div>
      </fieldset>
      <div className="grid grid-cols-2 gap-4 sm:grid-cols-4">
        {numbers.map(({ key, label, blank, help }) => (
          <Field key={key} label={label} help={help} error={problems[paramOf[key]]}>
            {(ids) => (
              <Input
                {...ids}
                inputMode="numeric"
                placeholder={blank}
                value={draft[key]}
                onChange={(event) => set({ [key]: event.target.value })}
              />
            )}
          </Field>
        ))}
        {draft.task === "exact_match" && (
          <Field label="Answer length" help="Tokens at most." error={problems[paramOf.maxTokens]}>
            {(ids) => (
              <Input
                {...ids}
                inputMode="numeric"
                placeholder="64"
                value={draft.maxTokens}
                onChange={(event) => set({ maxTokens: event.target.value })}
              />
            )}
          </Field>
        )}
      </div>
      {draft.task === "loss" && (
        <Checkbox
          label="Count prompts, too"
          help="Every token counts in the loss, not the assistant's alone."
          checked={draft.trainOnPrompt}
          onChange={(event) => set({ trainOnPrompt: event.target.checked })}
        />
      )}
      <ErrorNotice error={placed ? null : queue.error} title="The evaluation could not be queued" />
      <div className="flex justify-end gap-2">
        <Button onClick={onDone}>Cancel</Button>
        <Button look="primary" type="submit" busy={queue.busy} disabled={!request || queue.busy}>
          {queue.busy ? "Queueing" : "Evaluate"}
        </Button>
      </div>
    </form>
  );
}

const placeable = new Set(["model", "dataset", ...Object.values(paramOf)]);

function problemsWith(
  problems: Partial<Record<string, string>>,
  error: unknown,
): Partial<Record<string, string>> {
  if (!(error instanceof ApiError) || error.param === null || !placeable.has(error.param)) {
    return problems;
  }
  return { [error.param]: error.message, ...problems };
}
