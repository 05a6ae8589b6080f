import { formatNumber } from "@/format";
import type { Schemas } from "@/api/client";
import type { Task } from "./metrics";

/** An evaluation while it is put together: texts, as typed. */
export interface EvaluationDraft {
  model: string;
  dataset: string;
  task: Task;
  maxRows: string;
  maxTokens: string;
  maxLength: string;
  batchSize: string;
  trainOnPrompt: boolean;
}

type Field = "maxRows" | "maxTokens" | "maxLength" | "batchSize";

const ranges: Record<Field, [from: number, to: number]> = {
  maxRows: [1, Number.MAX_SAFE_INTEGER],
  maxTokens: [1, 65_536],
  maxLength: [2, 1_048_576],
  batchSize: [1, 4096],
};

/** Names of the request's fields, by which the hub says what is wrong. */
export const paramOf: Record<Field, string> = {
  maxRows: "params.max_rows",
  maxTokens: "params.max_tokens",
  maxLength: "params.max_seq_length",
  batchSize: "params.batch_size",
};

export function evaluationProblems(draft: EvaluationDraft): Partial<Record<string, string>> {
  const problems: Partial<Record<string, string>> = {};
  for (const [field, [from, to]] of Object.entries(ranges) as [Field, [number, number]][]) {
    const text = draft[field].trim();
    const value = Number(text);
    if (text !== "" && !(Number.isInteger(value) && value >= from && value <= to)) {
      problems[paramOf[field]] =
        `A whole number from ${from}${to < 1e9 ? ` to ${formatNumber(to)}` : ""}`;
    }
  }
  return problems;
}

/** What is sent; null while something is missing or wrong. */
export function evaluationRequest(draft: EvaluationDraft): Schemas["NewEvaluation"] | null {
  if (draft.model === "" || draft.dataset === "") return null;
  if (Object.keys(evaluationProblems(draft)).length > 0) return null;
  const number = (text: string): number | null => (text.trim() === "" ? null : Number(text));
  return {
    model: draft.model,
    dataset: draft.dataset,
    params: {
      task: draft.task,
      max_rows: number(draft.maxRows),
      max_seq_length: number(draft.maxLength),
      batch_size: number(draft.batchSize),
      max_tokens: draft.task === "exact_match" ? number(draft.maxTokens) : null,
      train_on_prompt: draft.task === "loss" && draft.trainOnPrompt,
    },
  };
}
