import { describe, expect, it } from "vitest";
import { nameOfFile, nameProblem } from "./dataset-name";

describe("the name of a data set", () => {
  it("is the file's without folder and ending", () => {
    expect(nameOfFile("trivia.jsonl")).toBe("trivia");
    expect(nameOfFile("/data/My rows (2).v1.csv")).toBe("My-rows-2-.v1");
    expect(nameOfFile("/data/trivia/")).toBe("trivia");
    expect(nameOfFile("öäü.json")).toBe("data");
    expect(nameProblem(nameOfFile("_-x y.parquet"))).toBeNull();
  });

  it("is refused as the hub would", () => {
    expect(nameProblem("trivia-1.0_b")).toBeNull();
    expect(nameProblem("")).toMatch(/needed/);
    expect(nameProblem("a b")).toMatch(/Letters/);
    expect(nameProblem("-a")).toMatch(/Letters/);
    expect(nameProblem("a".repeat(101))).toMatch(/100/);
  });
});
