import { describe, expect, it } from "vitest";
import {
  facetsOf,
  isFiltered,
  noFilters,
  queryOf,
  readFilters,
  sortBySize,
  writeFilters,
} from "./model-filters";

describe("filters in the address", () => {
  it("come back as they went", () => {
    const filters = {
      q: "smol & co",
      kind: "adapter" as const,
      state: "ready" as const,
      architecture: "llama",
      tag: "task:chat",
      sort: { by: "size" as const, descending: false },
    };
    expect(readFilters(new URLSearchParams(writeFilters(filters)))).toEqual(filters);
  });

  it("leave no trace when nothing is chosen", () => {
    expect(writeFilters(noFilters)).toBe("");
    expect(readFilters(new URLSearchParams())).toEqual(noFilters);
  });

  it("pass over words that mean nothing", () => {
    const filters = readFilters(new URLSearchParams("kind=car&state=tired&sort=-colour"));
    expect(filters).toEqual(noFilters);
    expect(isFiltered(filters)).toBe(false);
  });
});

describe("the query", () => {
  it("has only what was chosen", () => {
    expect(queryOf({ ...noFilters, kind: "merged" })).toEqual({ kind: "merged", sort: "-updated" });
  });

  it("takes any fixed order when the sizes are sorted here", () => {
    expect(queryOf({ ...noFilters, sort: { by: "size", descending: true } }).sort).toBe("name");
  });
});

it("sorts by size both ways and leaves the list alone", () => {
  const models = [{ size_bytes: 2 }, { size_bytes: 3 }, { size_bytes: 1 }];
  expect(sortBySize(models, false).map((model) => model.size_bytes)).toEqual([1, 2, 3]);
  expect(sortBySize(models, true).map((model) => model.size_bytes)).toEqual([3, 2, 1]);
  expect(models[0]?.size_bytes).toBe(2);
});

it("names architectures and tags once, tags with their values too", () => {
  const model = (architecture: string | null, tags: Record<string, string>) =>
    ({ architecture, tags }) as Parameters<typeof facetsOf>[0][number];
  expect(
    facetsOf([
      model("qwen2", { task: "chat" }),
      model("llama", { draft: "" }),
      model("llama", { task: "sql" }),
      model(null, {}),
    ]),
  ).toEqual({
    architectures: ["llama", "qwen2"],
    tags: ["draft", "task", "task:chat", "task:sql"],
  });
});
