import { describe, expect, it } from "vitest";
import { MetricHistory, type MetricReport } from "./metric-history";

const second = (seconds: number): string =>
  new Date(1_800_000_000_000 + seconds * 1000).toISOString();

const train = (step: number, loss: number, at = step): MetricReport => ({
  step,
  train_loss: loss,
  eval_loss: null,
  learning_rate: 1e-4,
  time: second(at),
});

const evaluation = (step: number, loss: number, at = step): MetricReport => ({
  step,
  train_loss: null,
  eval_loss: loss,
  time: second(at),
});

function historyOf(reports: MetricReport[]): MetricHistory {
  const history = new MetricHistory();
  for (const report of reports) history.add(report);
  return history;
}

describe("MetricHistory", () => {
  it("orders reports by step, however they come", () => {
    const history = historyOf([train(3, 3), train(1, 1), train(4, 4), train(2, 2)]);
    expect(history.points("train_loss")).toEqual({ x: [1, 2, 3, 4], y: [1, 2, 3, 4] });
  });

  it("takes a report that comes again once", () => {
    const live = [train(1, 5), train(2, 4), train(3, 3)];
    const history = historyOf([...live, ...live, train(2, 4)]);
    expect(history.points("train_loss")).toEqual({ x: [1, 2, 3], y: [5, 4, 3] });
  });

  it("keeps training and validation of one step apart", () => {
    const history = historyOf([
      evaluation(0, 6, 0),
      train(1, 5, 1),
      train(2, 4, 2),
      evaluation(2, 4.5, 3),
    ]);
    expect(history.points("train_loss")).toEqual({ x: [1, 2], y: [5, 4] });
    expect(history.points("eval_loss")).toEqual({ x: [0, 2], y: [6, 4.5] });
  });

  it("overwrites the steps that a resumed job repeats", () => {
    const history = historyOf([
      train(1, 5, 1),
      train(2, 4, 2),
      train(3, 3.9, 3),
      train(2, 4.1, 60),
      train(3, 3.5, 61),
      train(4, 3.2, 62),
    ]);
    expect(history.points("train_loss")).toEqual({ x: [1, 2, 3, 4], y: [5, 4.1, 3.5, 3.2] });
  });

  it("does not let history that comes late undo what was measured after it", () => {
    const history = historyOf([train(2, 4.1, 60), train(3, 3.5, 61)]);
    for (const old of [train(1, 5, 1), train(2, 4, 2), train(3, 3.9, 3)]) history.add(old);
    expect(history.points("train_loss")).toEqual({ x: [1, 2, 3], y: [5, 4.1, 3.5] });
  });

  it("fills what was missed while away", () => {
    const all = Array.from({ length: 100 }, (_, index) => train(index + 1, 100 - index));
    const live = [...all.slice(0, 40), ...all.slice(80)];
    const history = historyOf([...live, ...all]);
    expect(history.points("train_loss").x).toEqual(all.map(({ step }) => step));
  });

  it("leaves out what is no figure", () => {
    const history = historyOf([
      { step: 1, time: second(1), loss: "nan", train_loss: Number.NaN, skipped_in_a_row: 1 },
      { step: null, time: second(2), train_loss: 2 },
    ]);
    expect(history.points("train_loss").x).toEqual([]);
  });

  it("gives the same points until they change", () => {
    const history = historyOf([train(1, 5)]);
    const before = history.points("train_loss");
    history.add(train(1, 5));
    history.add(evaluation(1, 5));
    expect(history.points("train_loss")).toBe(before);
    history.add(train(2, 4));
    expect(history.points("train_loss")).not.toBe(before);
    expect(before.x).toEqual([1]);
  });
});
