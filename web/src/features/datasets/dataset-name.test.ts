import { describe, expect, it } from "vitest";
import { nameProblem } from "@/features/models/model-name";
import { nameOfFile } from "./dataset-name";

describe("the name of a data set", () => {
  it("is the file's without folder and ending", () => {
    expect(nameOfFile("trivia.jsonl")).toBe("trivia");
    expect(nameOfFile("/data/My rows (2).v1.csv")).toBe("My-rows-2-.v1");
    expect(nameOfFile("/data/trivia/")).toBe("trivia");
    expect(nameOfFile("öäü.json")).toBe("data");
  });

  it("is one that the hub takes", () => {
    for (const file of ["_-x y.parquet", `${"a".repeat(200)}.jsonl`, ".jsonl"]) {
      expect(nameProblem(nameOfFile(file))).toBeNull();
    }
  });
});
