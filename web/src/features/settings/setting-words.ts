import type { Schemas } from "@/api/client";
import { formatNumber } from "@/format";

export type Setting = Schemas["Setting"];

/** "require_keys" as a heading: "Require keys". */
export function settingTitle(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What may be set: "true or false", "a whole number from 1 to 36,500", "a text of at most 400 bytes". */
export function settingRange({ type, minimum, maximum }: Setting): string {
  switch (type) {
    case "boolean":
      return "on or off";
    case "string":
      return maximum == null ? "a text" : `a text of at most ${formatNumber(maximum)} bytes`;
    case "integer":
      return `a whole number${span(minimum, maximum)}`;
    case "number":
      return `a number${span(minimum, maximum)}`;
  }
}

function span(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum == null && maximum == null) return "";
  if (maximum == null) return ` of at least ${shown(minimum)}`;
  if (minimum == null) return ` of at most ${shown(maximum)}`;
  return ` from ${shown(minimum)} to ${shown(maximum)}`;
}

const shown = (value: number | undefined): string =>
  value == null ? "" : Number.isInteger(value) ? formatNumber(value) : String(value);

export function valueWords(value: Setting["value"]): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return typeof value === "number" ? shown(value) : value;
}

type Read = { value: Setting["value"]; problem: null } | { value: null; problem: string };

/** What was typed for a setting, or why the hub would not take it. */
export function readSetting(setting: Setting, text: string): Read {
  const wanted = `It must be ${settingRange(setting)}.`;
  const refused: Read = { value: null, problem: wanted };
  const { type, minimum = -Infinity, maximum = Infinity } = setting;
  if (type === "string") {
    const bytes = new TextEncoder().encode(text).length;
    return text !== "" && bytes <= maximum ? { value: text, problem: null } : refused;
  }
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number)) return refused;
  if (type === "integer" && !Number.isInteger(number)) return refused;
  return number >= minimum && number <= maximum ? { value: number, problem: null } : refused;
}
