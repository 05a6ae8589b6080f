import type { Schemas } from "@/api/client";

export type Scope = Schemas["Scope"];

/** What each scope opens, from the least to the most. */
export const scopes: { scope: Scope; opens: string }[] = [
  { scope: "read", opens: "See models, data sets, jobs and the state of the hub" },
  { scope: "infer", opens: "Ask models: chat, completions, tokens" },
  { scope: "train", opens: "All of read, and change models, data sets and jobs" },
  { scope: "admin", opens: "Everything: keys, settings, logs, the queue, engines, backups" },
];

/** After how many seconds a key expires; null: never. */
export const lifetimes: { seconds: number | null; words: string }[] = [
  { seconds: 7 * 86_400, words: "after 7 days" },
  { seconds: 30 * 86_400, words: "after 30 days" },
  { seconds: 90 * 86_400, words: "after 90 days" },
  { seconds: 365 * 86_400, words: "after a year" },
  { seconds: null, words: "never" },
];

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Why the hub would not take a name; null: it would. */
export const nameProblem = (name: string): string | null =>
  namePattern.test(name)
    ? null
    : "Letters, digits, dots, dashes and underscores, at most 100, beginning with a letter or digit.";

/** Whether a listed key, of which only the beginning is known, is the one that this browser has. */
export const isThisKey = (prefix: string, secret: string | null): boolean =>
  secret !== null && prefix !== "" && secret.startsWith(prefix);
