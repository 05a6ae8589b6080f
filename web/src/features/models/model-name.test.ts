import { expect, it } from "vitest";
import { nameProblem, repositoryProblem, suggestedName } from "./model-name";

it("suggests the last part of where a model comes from", () => {
  expect(suggestedName("mlx-community/SmolLM2-360M-Instruct-4bit")).toBe(
    "SmolLM2-360M-Instruct-4bit",
  );
  expect(suggestedName("/models/my model (2)/")).toBe("my-model-2-");
  expect(suggestedName("C:\\models\\_x.Q4_K_M.gguf")).toBe("x.Q4_K_M");
  expect(suggestedName("facts.tar")).toBe("facts");
  expect(suggestedName("")).toBe("");
});

it("suggests only what can be a name", () => {
  for (const source of ["org/a".padEnd(200, "b"), "/…/ü-1", "a/b c"]) {
    expect(nameProblem(suggestedName(source))).toBeNull();
  }
});

it("tells a repository from other texts", () => {
  expect(repositoryProblem("org/name")).toBeNull();
  for (const text of ["name", "a/b/c", "/a", "https://x/y", ""]) {
    expect(repositoryProblem(text)).not.toBeNull();
  }
});
