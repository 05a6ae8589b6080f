import { describe, expect, it } from "vitest";
import { crossings, layOut } from "./lineage-layout";

const size = { nodeWidth: 100, nodeHeight: 40, columnGap: 50, rowGap: 10 };
const nodes = (...ids: string[]) => ids.map((id) => ({ id }));
const edge = (from: string, to: string) => ({ from, to });

describe("layOut", () => {
  it("draws nothing for nothing", () => {
    expect(layOut({ nodes: [], edges: [] }, size)).toEqual({
      places: new Map(),
      paths: [],
      width: 0,
      height: 0,
    });
  });

  it("puts what was made right of all that it was made of", () => {
    const graph = {
      nodes: nodes("merged", "adapter", "base"),
      edges: [edge("base", "adapter"), edge("adapter", "merged"), edge("base", "merged")],
    };
    const { places, width } = layOut(graph, size);
    expect(places.get("base")?.x).toBe(0);
    expect(places.get("adapter")?.x).toBe(150);
    expect(places.get("merged")?.x).toBe(300);
    expect(width).toBe(400);
  });

  it("keeps a source next to what it was used for", () => {
    const graph = {
      nodes: nodes("base", "one", "two", "data"),
      edges: [edge("base", "one"), edge("one", "two"), edge("data", "two")],
    };
    const { places } = layOut(graph, size);
    expect(places.get("data")?.x).toBe(places.get("one")?.x);
  });

  it("overlaps nothing and centres small columns", () => {
    const made = ["a", "b", "c", "d", "e"];
    const graph = { nodes: nodes("base", ...made), edges: made.map((id) => edge("base", id)) };
    const { places, height } = layOut(graph, size);
    expect(height).toBe(5 * 40 + 4 * 10);
    expect(places.get("base")?.y).toBe((height - 40) / 2);
    const tops = made.map((id) => places.get(id)?.y ?? 0).sort((a, b) => a - b);
    tops.slice(1).forEach((top, index) => {
      expect(top - (tops[index] ?? 0)).toBeGreaterThanOrEqual(50);
    });
  });

  it("takes crossings out where that can be", () => {
    const graph = {
      nodes: nodes("p", "q", "r", "x", "y", "z"),
      edges: [edge("p", "z"), edge("q", "y"), edge("r", "x")],
    };
    const { places } = layOut(graph, size);
    for (const [from, to] of [
      ["p", "z"],
      ["q", "y"],
      ["r", "x"],
    ] as const) {
      expect(places.get(from)?.y).toBe(places.get(to)?.y);
    }
  });

  it("leads an edge over several columns around what stands between", () => {
    const graph = {
      nodes: nodes("base", "adapter", "merged"),
      edges: [edge("base", "adapter"), edge("adapter", "merged"), edge("base", "merged")],
    };
    const { places, paths } = layOut(graph, size);
    const box = places.get("adapter");
    if (!box) throw new Error("the adapter has its place");
    // Where the long path goes level through the adapter's column.
    const level = [...(paths[2] ?? "").matchAll(/ ([\d.]+) ([\d.]+)L/g)][0];
    expect(Number(level?.[1])).toBe(box.x);
    const y = Number(level?.[2]);
    expect(y < box.y || y > box.y + size.nodeHeight).toBe(true);
  });

  it("is the same every time, and ends even where a circle was drawn", () => {
    const graph = {
      nodes: nodes("a", "b", "c"),
      edges: [edge("a", "b"), edge("b", "a"), edge("b", "c")],
    };
    expect(layOut(graph, size)).toEqual(layOut(graph, size));
  });

  it("leaves an edge without a path when an end is missing", () => {
    expect(layOut({ nodes: nodes("a"), edges: [edge("a", "gone")] }, size).paths).toEqual([""]);
  });
});

it("counts crossings", () => {
  const columns = [
    ["a", "b"],
    ["c", "d"],
  ];
  expect(crossings(columns, [edge("a", "d"), edge("b", "c")])).toBe(1);
  expect(crossings(columns, [edge("a", "c"), edge("b", "d")])).toBe(0);
});
