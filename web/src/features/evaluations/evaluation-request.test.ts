import { describe, expect, it } from "vitest";
import { evaluationProblems, evaluationRequest, type EvaluationDraft } from "./evaluation-request";

const draft: EvaluationDraft = {
  model: "smollm2",
  dataset: "trivia",
  task: "loss",
  maxRows: "",
  maxTokens: "32",
  maxLength: "",
  batchSize: "4",
  trainOnPrompt: true,
};

describe("an evaluation", () => {
  it("leaves to the hub what is blank and what its task does not have", () => {
    expect(evaluationRequest(draft)?.params).toEqual({
      task: "loss",
      max_rows: null,
      max_seq_length: null,
      batch_size: 4,
      max_tokens: null,
      train_on_prompt: true,
    });
    expect(evaluationRequest({ ...draft, task: "exact_match" })?.params).toMatchObject({
      max_tokens: 32,
      train_on_prompt: false,
    });
  });

  it("is not sent incomplete or out of range", () => {
    expect(evaluationRequest({ ...draft, model: "" })).toBeNull();
    expect(evaluationRequest({ ...draft, batchSize: "0" })).toBeNull();
    expect(evaluationProblems({ ...draft, batchSize: "0", maxRows: "x" })).toEqual({
      "params.batch_size": "A whole number from 1 to 4,096",
      "params.max_rows": "A whole number from 1",
    });
  });
});
