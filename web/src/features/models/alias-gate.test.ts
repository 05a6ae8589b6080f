import { expect, it } from "vitest";
import { gateOutcome, metricNames } from "./alias-gate";

const version = (id: string, metrics: Record<string, number>) => ({ id, metrics });

it("lets a lower loss and a higher accuracy pass, and equals too", () => {
  const old = version("1", { eval_loss: 1.5, accuracy: 0.5 });
  expect(gateOutcome("eval_loss", version("2", { eval_loss: 1.4 }), old).verdict).toBe("passes");
  expect(gateOutcome("eval_loss", version("2", { eval_loss: 1.5 }), old).verdict).toBe("passes");
  expect(gateOutcome("accuracy", version("2", { accuracy: 0.6 }), old).verdict).toBe("passes");
});

it("holds what is worse, with both figures", () => {
  const old = version("1", { perplexity: 4, accuracy: 0.5 });
  expect(gateOutcome("perplexity", version("2", { perplexity: 4.5 }), old)).toEqual({
    verdict: "holds",
    mine: 4.5,
    theirs: 4,
  });
  expect(gateOutcome("accuracy", version("2", { accuracy: 0.4 }), old).verdict).toBe("holds");
});

it("cannot decide without both figures, and need not where nothing is compared", () => {
  const bare = version("1", {});
  expect(gateOutcome("eval_loss", version("2", { eval_loss: 1 }), bare).verdict).toBe("undecided");
  expect(gateOutcome("eval_loss", bare, null).verdict).toBe("passes");
  expect(gateOutcome("eval_loss", bare, bare).verdict).toBe("passes");
});

it("lists figures once, eval_loss first", () => {
  expect(
    metricNames([version("1", { train_loss: 1, eval_loss: 2 }), version("2", { accuracy: 1 })]),
  ).toEqual(["eval_loss", "accuracy", "train_loss"]);
});
