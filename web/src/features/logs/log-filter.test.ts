import { describe, expect, it } from "vitest";
import { fieldOfTime, filterQuery, noFilter, readFilter, timeOfField } from "./log-filter";

describe("a filter in the page's address", () => {
  it("comes back as it was", () => {
    const filter = {
      ...noFilter,
      level: "warning" as const,
      q: "a b&c",
      job_id: "0190",
      since: "15m",
    };
    const address = new URLSearchParams(filterQuery(filter)).toString();
    expect(readFilter(new URLSearchParams(address))).toEqual(filter);
  });

  it("holds only what filters", () => {
    expect(filterQuery(noFilter)).toEqual({});
    expect(filterQuery({ ...noFilter, request_id: "r" })).toEqual({ request_id: "r" });
  });

  it("takes no level that the hub does not know", () => {
    expect(readFilter(new URLSearchParams("level=loud")).level).toBe("debug");
  });
});

describe("times", () => {
  it("go to the browser's field and back", () => {
    const time = timeOfField("2026-01-31T14:30");
    expect(time).toMatch(/Z$/);
    expect(fieldOfTime(time)).toBe("2026-01-31T14:30");
  });

  it("are no date where they are relative or empty", () => {
    expect(fieldOfTime("15m")).toBe("");
    expect(timeOfField("")).toBe("");
  });
});
