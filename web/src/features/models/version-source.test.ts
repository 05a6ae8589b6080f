import { expect, it } from "vitest";
import { sourceFacts } from "./version-source";

it("says a repository with its revision and commit in one line", () => {
  expect(
    sourceFacts({ repository: "org/name", revision: "main", commit: "0123456789abcdef" }),
  ).toEqual([["Pulled from", "org/name at main (0123456789ab)"]]);
});

it("shows what else was noted, and nothing that is no text", () => {
  expect(sourceFacts({ file: "model.gguf", note: "Q4_K was quantized anew", tensors: 3 })).toEqual([
    ["From the file", "model.gguf"],
    ["Note", "Q4_K was quantized anew"],
  ]);
  expect(sourceFacts(null)).toEqual([]);
});
