import { describe, expect, it } from "vitest";
import { readSetting, settingRange, settingTitle, valueWords, type Setting } from "./setting-words";

const setting = (more: Partial<Setting>): Setting => ({
  name: "audit_keep_days",
  type: "integer",
  value: 365,
  default: 365,
  description: "",
  changed: false,
  ...more,
});
const days = setting({ minimum: 1, maximum: 36_500 });
const text = setting({ type: "string", value: "a", default: "a", maximum: 4 });

describe("a setting", () => {
  it("is told in words", () => {
    expect(settingTitle("audit_keep_days")).toBe("Audit keep days");
    expect(settingRange(days)).toBe("a whole number from 1 to 36,500");
    expect(settingRange(text)).toBe("a text of at most 4 bytes");
    expect(settingRange(setting({ type: "number", minimum: 0.5 }))).toBe(
      "a number of at least 0.5",
    );
    expect(valueWords(false)).toBe("off");
    expect(valueWords(36_500)).toBe("36,500");
  });

  it("is read by its type and range", () => {
    expect(readSetting(days, "30")).toEqual({ value: 30, problem: null });
    expect(readSetting(days, "0").problem).toContain("from 1 to 36,500");
    expect(readSetting(days, "1.5").problem).not.toBeNull();
    expect(readSetting(days, "").problem).not.toBeNull();
    expect(readSetting(text, "öö").value).toBe("öö");
    expect(readSetting(text, "ööö").problem).not.toBeNull();
    expect(readSetting(setting({ type: "number" }), "1.5").value).toBe(1.5);
  });
});
