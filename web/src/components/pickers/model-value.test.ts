import { describe, expect, it } from "vitest";
import { splitModelValue } from "./model-value";

describe("a model value", () => {
  it("is a name and what stands behind it", () => {
    expect(splitModelValue("smollm2-135m")).toEqual({ name: "smollm2-135m", version: "" });
    expect(splitModelValue("llama:3")).toEqual({ name: "llama", version: ":3" });
    expect(splitModelValue("llama@production")).toEqual({ name: "llama", version: "@production" });
    expect(splitModelValue("llama+trivia:2")).toEqual({ name: "llama", version: "+trivia:2" });
  });
});
