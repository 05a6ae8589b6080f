import { describe, expect, it } from "vitest";
import { clockTime, ownFields, positionAfter, summary, type LogRecord } from "./log-record";

const record = (more: object = {}, time = "2026-01-01T00:00:00.005Z"): LogRecord => ({
  time,
  level: "info",
  event: "http_request",
  ...more,
});

describe("a record", () => {
  it("says its own members in a line, without ids", () => {
    const said = record({ event: "said", process: "server", tokens: 5, request_id: "r1" });
    expect(summary({ ...said, seconds: 1.0986382 })).toBe("tokens=5  seconds=1.099");
    expect(ownFields(said)).toEqual([
      ["tokens", "5"],
      ["request_id", "r1"],
    ]);
  });

  it("says a message alone as it is", () => {
    const output = { event: "output", message: "out of luck", job_id: "1" };
    expect(summary(record(output))).toBe("out of luck");
    expect(summary(record({ event: "output" }))).toBe("");
  });

  it("says a request as people write it", () => {
    const asked = { method: "GET", path: "/jobs", status: 200, seconds: 0.0123, bytes: 3174 };
    expect(summary(record({ ...asked, user_agent: "x" }))).toBe("GET /jobs 200, 12 ms, 3.1 KiB");
  });

  it("has its clock time, with the date on other days", () => {
    const time = new Date(2026, 0, 31, 14, 3, 11, 7);
    expect(clockTime(time.toISOString(), time)).toBe("14:03:11.007");
    expect(clockTime(time.toISOString(), new Date(2026, 1, 1))).toBe("2026-01-31 14:03:11.007");
  });
});

describe("positionAfter", () => {
  const at = Date.parse("2026-01-01T00:00:00.005Z");

  it("counts the records of the latest time", () => {
    expect(positionAfter([record(), record(), record({}, "2026-01-01T00:00:00.004Z")])).toBe(
      `${at}-2`,
    );
    expect(positionAfter([record()])).toBe(`${at}-1`);
  });

  it("is nowhere without records", () => {
    expect(positionAfter([])).toBeNull();
  });
});
