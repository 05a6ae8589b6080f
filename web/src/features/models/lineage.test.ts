import { expect, it } from "vitest";
import { dependantsOf, nodeHref, nodeTitle, type Lineage } from "./lineage";

const version = (id: string, model: string, number: number) => ({
  id,
  type: "version" as const,
  model,
  version: number,
  kind: "adapter",
  state: "ready",
});

const lineage: Lineage = {
  nodes: [
    version("b", "base", 1),
    version("a1", "facts", 1),
    version("a2", "facts", 2),
    { id: "d", type: "dataset", name: null },
    { id: "j", type: "job", kind: "finetune", state: "COMPLETED" },
  ],
  edges: [
    { from: "b", to: "a1", relation: "base" },
    { from: "a1", to: "a2", relation: "parent" },
    { from: "d", to: "a1", relation: "dataset" },
    { from: "j", to: "a1", relation: "job" },
  ],
  truncated: false,
};

it("names what was made directly, and not what belongs to the same model", () => {
  expect(dependantsOf(lineage, ["b"]).map((node) => node.id)).toEqual(["a1"]);
  expect(dependantsOf(lineage, ["a1"]).map((node) => node.id)).toEqual(["a2"]);
  expect(dependantsOf(lineage, ["a1", "a2"])).toEqual([]);
});

it("links what is still there", () => {
  const [base, , , dataset, job] = lineage.nodes;
  if (!base || !dataset || !job) throw new Error("the test's own nodes");
  expect(nodeHref(base)).toBe("/models/view/?name=base&version=1");
  expect(nodeHref(dataset)).toBeNull();
  expect(nodeHref(job)).toBe("/jobs/view/?id=j");
  expect(nodeTitle(job)).toBe("finetune job");
});
