import { expectOk, hubFetch } from "@/api/client";
import type { HubEvent } from "@/api/event-feed";
import { readSse } from "@/api/sse";

/** So far back it looks; most events of a training are its steps. */
const mostRead = 600;
/** Events are there at once; whoever is silent for so long has no more. */
const silenceMs = 1_500;
const mostKept = 40;

/** What happens at every step is shown by the job itself. */
const minor = new Set([
  "job.progress",
  "job.metric",
  "job.memory",
  "job.sample",
  "job.traced",
  "job.checkpoint",
  "job.environment",
  "version.updated",
  // Its job tells the same.
  "evaluation.created",
  "evaluation.completed",
]);

/** The events up to `lastSeq`, oldest first: opens the stream a little before there and ends it when it has come. */
export async function readPastEvents(lastSeq: number): Promise<HubEvent[]> {
  const events: HubEvent[] = [];
  if (lastSeq === 0) return events;
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), silenceMs);
  try {
    const after = Math.max(0, lastSeq - mostRead);
    const response = await expectOk(
      await hubFetch(`/events?after=${after}`, { signal: abort.signal }),
    );
    if (!response.body) return events;
    for await (const message of readSse(response.body)) {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), silenceMs);
      const event = JSON.parse(message.data) as HubEvent;
      events.push(event);
      if (event.seq >= lastSeq) break;
    }
  } catch (error) {
    // The last events may be gone with their job; then only the silence ends it.
    if (!abort.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
  return events;
}

/** Those worth telling, each once, newest first, of `known` and `more`. */
export function mergeEvents(known: readonly HubEvent[], more: readonly HubEvent[]): HubEvent[] {
  const bySeq = new Map<number, HubEvent>();
  for (const event of [...known, ...more]) {
    if (!minor.has(event.type)) bySeq.set(event.seq, event);
  }
  return [...bySeq.values()].sort((a, b) => b.seq - a.seq).slice(0, mostKept);
}
