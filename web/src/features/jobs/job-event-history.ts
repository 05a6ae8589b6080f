import { expectOk, hubFetch, type Schemas } from "@/api/client";
import type { HubEvent } from "@/api/event-feed";
import { readSse, type SseMessage } from "@/api/sse";

/** Events of a long training that say nothing which its charts do not show better. */
const silent = new Set(["job.progress", "job.memory", "job.sample", "job.traced"]);

/** Reports of a step are left out; evaluations and skipped steps are told. */
const toldMetric = /"(?:eval_loss|skipped_in_a_row)"\s*:/;

/** Whether a message tells something; decided by its text, since nearly all of a long job's do not. */
export function isTold({ event, data }: Pick<SseMessage, "event" | "data">): boolean {
  if (silent.has(event)) return false;
  return event !== "job.metric" || toldMetric.test(data);
}

/** The hub says nothing for so long only when it has said all that there is. */
const silenceMs = 1500;

async function newestEvent(): Promise<number> {
  const response = await expectOk(await hubFetch("/system"));
  return ((await response.json()) as Schemas["System"]).events.last_seq;
}

/**
 * Reads what happened to a job after an event (0: from its first) up to now, and gives `take` what is told. Answers the
 * number of the last event that was read. The connection is closed then: a browser has few, and what comes is live.
 */
export async function readJobEvents(
  jobId: string,
  after: number,
  take: (event: HubEvent) => void,
): Promise<number> {
  const newest = await newestEvent();
  const abort = new AbortController();
  const response = await expectOk(
    await hubFetch(`/jobs/${encodeURIComponent(jobId)}/events?after=${after}`, {
      signal: abort.signal,
    }),
  );
  let last = after;
  if (!response.body) return last;
  let silence = setTimeout(() => abort.abort(), silenceMs);
  try {
    for await (const message of readSse(response.body)) {
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), silenceMs);
      last = Number(message.id);
      if (isTold(message)) take(JSON.parse(message.data) as HubEvent);
      if (last >= newest) break;
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    clearTimeout(silence);
    abort.abort();
  }
  return last;
}
