import { expectOk, hubFetch, type Schemas } from "./client";
import { readSse } from "./sse";

/** The hub sends a comment every 15 seconds: a silence of this length is a dead connection. */
const silenceMs = 40_000;

/** The number of the hub's last event. */
export async function lastEvent(signal: AbortSignal): Promise<number> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(silenceMs)]);
  const response = await expectOk(await hubFetch("/system", { signal: patience }));
  return ((await response.json()) as Schemas["System"]).events.last_seq;
}

/**
 * The hub's events after the one numbered `after`, as they come; `onBegin` is called once the hub has answered. Ends
 * when the hub ends the stream; throws when the connection breaks or says nothing for longer than the hub ever does.
 */
export async function* readEvents(
  after: number,
  signal: AbortSignal,
  onBegin: () => void,
): AsyncGenerator<Schemas["Event"]> {
  const silence = new AbortController();
  const either = AbortSignal.any([signal, silence.signal]);
  let timer = setTimeout(() => silence.abort(), silenceMs);
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), silenceMs);
  };
  try {
    const response = await expectOk(await hubFetch(`/events?after=${after}`, { signal: either }));
    if (!response.body) return;
    onBegin();
    const watched = response.body.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          alive();
          controller.enqueue(chunk);
        },
      }),
    );
    for await (const message of readSse(watched)) {
      yield JSON.parse(message.data) as Schemas["Event"];
    }
  } finally {
    clearTimeout(timer);
  }
}
