import { describe, expect, it } from "vitest";
import { formatDifference, isBetter, judgedBy, metrics, type Metric } from "./metrics";

const metric = (name: string): Metric => {
  const found = metrics.find((one) => one.name === name);
  if (!found) throw new Error(`no metric ${name}`);
  return found;
};

describe("metrics", () => {
  it("know which way is better", () => {
    expect(isBetter(metric("loss"), -0.2)).toBe(true);
    expect(isBetter(metric("loss"), 0.2)).toBe(false);
    expect(isBetter(metric("accuracy"), 0.1)).toBe(true);
    expect(isBetter(metric("accuracy"), 0)).toBeNull();
    expect(isBetter(metric("tokens"), 5)).toBeNull();
  });

  it("show a difference with its sign", () => {
    expect(formatDifference(metric("loss"), -3.29)).toBe("−3.29");
    expect(formatDifference(metric("exact_match"), 0.125)).toBe("+12.5 %");
    expect(formatDifference(metric("loss"), 0)).toBe("±0");
  });

  it("belong to a task", () => {
    expect(judgedBy("multiple_choice").map(({ name }) => name)).toEqual([
      "accuracy",
      "accuracy_norm",
    ]);
  });
});
