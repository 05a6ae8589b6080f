import { describe, expect, it } from "vitest";
import {
  formatAge,
  formatBytes,
  formatDuration,
  formatFigure,
  formatNumber,
  plural,
} from "./format";

describe("figures", () => {
  it("gives bytes in binary units", () => {
    expect(formatBytes(0)).toBe("0 B");
    expect(formatBytes(1023)).toBe("1023 B");
    expect(formatBytes(98.25 * 1024 * 1024)).toBe("98.3 MiB");
    expect(formatBytes(36 * 1024 ** 3)).toBe("36.0 GiB");
    expect(formatBytes(null)).toBe("–");
  });

  it("gives a loss four digits and a learning rate an exponent", () => {
    expect(formatFigure(2.718281)).toBe("2.718");
    expect(formatFigure(0.0001)).toBe("1.00e-4");
    expect(formatFigure(0)).toBe("0");
    expect(formatFigure(Number.NaN)).toBe("–");
    expect(formatNumber(1234567)).toBe("1,234,567");
  });

  it("gives durations two units", () => {
    expect(formatDuration(0.18)).toBe("180 ms");
    expect(formatDuration(4.24)).toBe("4.2 s");
    expect(formatDuration(200)).toBe("3 min 20 s");
    expect(formatDuration(4320)).toBe("1 h 12 min");
    expect(formatDuration(90_000)).toBe("1 d 1 h");
  });

  it("gives ages one unit", () => {
    const now = Date.parse("2026-01-01T12:00:00Z");
    expect(formatAge("2026-01-01T11:57:00Z", now)).toBe("3 min ago");
    expect(formatAge("2026-01-01T12:00:00Z", now)).toBe("just now");
    expect(plural(1, "row")).toBe("1 row");
    expect(plural(1200, "row")).toBe("1,200 rows");
  });
});
