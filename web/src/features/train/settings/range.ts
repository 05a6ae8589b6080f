import { formatNumber } from "@/format";
import type { NumberSetting, Setting } from "./setting";

/** From here on a bound is only that of the number's type. */
const boundless = 1e9;

function figure(value: number): string {
  if (Number.isInteger(value)) return formatNumber(value);
  return Math.abs(value) < 1e-3 ? value.toExponential() : String(value);
}

/** "1 to 512", "above 0, at most 10", "0 to below 1", "from 0". */
export function rangeOf({ min, max, aboveMin, belowMax, not }: NumberSetting): string {
  const but = not === undefined ? "" : `, not ${figure(not)}`;
  if (max >= boundless) return `${aboveMin ? "above" : "from"} ${figure(min)}${but}`;
  if (aboveMin)
    return `above ${figure(min)}, ${belowMax ? "below" : "at most"} ${figure(max)}${but}`;
  return `${figure(min)} to ${belowMax ? "below " : ""}${figure(max)}${but}`;
}

/** What holds when nothing is entered, in words; null where the control itself shows it. */
export function defaultText(setting: Setting): string | null {
  switch (setting.kind) {
    case "number":
      return typeof setting.default === "number"
        ? figure(setting.default)
        : (setting.blank ?? null);
    case "names":
      return setting.blank;
    case "pair":
      return setting.default.map(figure).join(", ");
    default:
      return null;
  }
}

/** Range and default behind what the setting does. */
export function boundsText(setting: Setting): string {
  const initial = defaultText(setting);
  const parts = [
    ...(setting.kind === "number" ? [rangeOf(setting)] : []),
    ...(setting.kind === "texts" ? [`at most ${setting.most}`] : []),
    ...(initial === null ? [] : [`default: ${initial}`]),
  ];
  const text = parts.join("; ");
  return text === "" ? "" : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
