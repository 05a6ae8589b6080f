import type { Job } from "./job";
import { typeWords } from "./job-words";

export interface Failure {
  /** What happened, in a few words. */
  title: string;
  /** The hub's own words. */
  reason: string;
  /** What the reader can do about it. */
  advice: string;
}

const advices: [pattern: RegExp, title: string, advice: string][] = [
  [
    /diverged/i,
    "The training diverged",
    "Lower the learning rate or set a maximum gradient norm, and start it again.",
  ],
  [
    /longer than its limit/i,
    "It ran out of its time",
    "Resume it from its last checkpoint, or give the next one a longer time limit.",
  ],
  [
    /no progress for/i,
    "Its worker hung",
    "Look at the end of its log. Resuming goes on from the last checkpoint.",
  ],
  [
    /memory|bad_alloc|signal 9|SIGKILL/i,
    "It ran out of memory",
    "Use a smaller batch, shorter rows or gradient checkpointing, or unload models that are being served.",
  ],
  [
    /disk|no space/i,
    "The disk is full",
    "Free disk space (System, garbage collection), then resume it.",
  ],
  [
    /weights of .* did not arrive/i,
    "Its model's weights did not arrive",
    "Look at the download's own page for the reason, download the model again, then start this anew.",
  ],
  [
    /connect|network|timed out|resolve|unreachable|HTTP \d|refused/i,
    "The network failed",
    "Check the connection and the access token, then start it again; what was downloaded is kept.",
  ],
  [
    /signal \d+|SIG[A-Z]+|crash/i,
    "Its worker crashed",
    "Look at the end of its log. Resuming goes on from the last checkpoint.",
  ],
];

/** Why a job failed and what to do; null unless it failed. */
export function failureOf(
  job: Pick<Job, "state" | "reason" | "last_error" | "type">,
): Failure | null {
  if (job.state !== "FAILED") return null;
  const reason = job.reason ?? job.last_error ?? "The hub kept no reason.";
  const known = advices.find(([pattern]) => pattern.test(reason));
  return {
    title: known?.[1] ?? `${typeWords[job.type]} failed`,
    reason,
    advice:
      known?.[2] ??
      "Its log says what it was doing. Correct what the reason names, then start it again.",
  };
}
