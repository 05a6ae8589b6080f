import type { Schemas } from "@/api/client";
import { formatNumber } from "@/format";

export type KeyLimits = Schemas["KeyLimits"];
export type LimitName = keyof KeyLimits;

/** What of a key can be limited, in the order of the form. */
export const limitFields: { name: LimitName; label: string; help: string; short: string }[] = [
  {
    name: "requests_per_minute",
    label: "Requests a minute",
    help: "Of any kind.",
    short: "requests/min",
  },
  {
    name: "tokens_per_minute",
    label: "Tokens a minute",
    help: "Of prompts and answers together.",
    short: "tokens/min",
  },
  {
    name: "concurrent_streams",
    label: "Answers at once",
    help: "In the works, and event streams.",
    short: "at once",
  },
];

/** What a person typed into the limits' fields; "" is no limit. */
export type LimitTexts = Record<LimitName, string>;

export const limitTexts = (limits: KeyLimits): LimitTexts => ({
  requests_per_minute: String(limits.requests_per_minute ?? ""),
  tokens_per_minute: String(limits.tokens_per_minute ?? ""),
  concurrent_streams: String(limits.concurrent_streams ?? ""),
});

/** Why the hub would not take a limit; null: it would. */
export const limitProblem = (text: string): string | null =>
  text === "" || /^[1-9][0-9]{0,11}$/.test(text)
    ? null
    : "A whole number from 1 on, or nothing for no limit.";

/** The limits of these texts, which have no problem. */
export const limitsOf = (texts: LimitTexts): KeyLimits => ({
  requests_per_minute: texts.requests_per_minute === "" ? null : Number(texts.requests_per_minute),
  tokens_per_minute: texts.tokens_per_minute === "" ? null : Number(texts.tokens_per_minute),
  concurrent_streams: texts.concurrent_streams === "" ? null : Number(texts.concurrent_streams),
});

/** "60 requests/min, 2 at once"; "none". */
export function limitWords(limits: KeyLimits): string {
  const words = limitFields.flatMap(({ name, short }) => {
    const limit = limits[name];
    return limit == null ? [] : [`${formatNumber(limit)} ${short}`];
  });
  return words.length > 0 ? words.join(", ") : "none";
}
