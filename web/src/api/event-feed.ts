import type { Schemas } from "./client";
import { ApiError } from "./errors";

export type HubEvent = Schemas["Event"];
export type Connection = "connecting" | "live" | "offline";

const firstWaitMs = 500;
const longestWaitMs = 8_000;

/** The compiler believes that nothing changes during an await. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted;

/**
 * The hub's one stream of events. A browser allows six connections a host, so everything on the page shares this one.
 * It goes on after the last event it has seen, so that across reconnects and restarts none is missed or seen twice.
 */
export class EventFeed {
  private readonly listeners = new Set<(event: HubEvent) => void>();
  private readonly watchers = new Set<() => void>();
  private lastSeq: number | null = null;
  private abort: AbortController | null = null;
  private state: Connection = "connecting";
  private wake: (() => void) | null = null;

  /** Begins; the function returned ends it. */
  start(): () => void {
    const abort = new AbortController();
    this.abort = abort;
    void this.run(abort.signal);
    const retryNow = (): void => this.wake?.();
    window.addEventListener("online", retryNow);
    return () => {
      window.removeEventListener("online", retryNow);
      abort.abort();
      this.wake?.();
    };
  }

  onEvent(listener: (event: HubEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Called when `connection` changes. */
  onConnection(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  get connection(): Connection {
    return this.state;
  }

  /** With another API key: the stream is opened anew, after the same event. */
  reconnect(): void {
    if (!this.abort || this.abort.signal.aborted) return;
    this.abort.abort();
    this.wake?.();
    this.abort = new AbortController();
    void this.run(this.abort.signal);
  }

  private async run(signal: AbortSignal): Promise<void> {
    let waitMs = firstWaitMs;
    while (!signal.aborted) {
      try {
        await this.follow(signal, () => {
          waitMs = firstWaitMs;
        });
      } catch (error) {
        if (isAborted(signal)) return;
        // A database that was replaced by a younger one knows no event of that number.
        if (error instanceof ApiError && error.status === 400) this.lastSeq = null;
        this.become(error instanceof ApiError && error.status < 500 ? "connecting" : "offline");
      }
      await this.pause(waitMs);
      waitMs = Math.min(waitMs * 2, longestWaitMs);
    }
  }

  private async follow(signal: AbortSignal, onLive: () => void): Promise<void> {
    // What reads the stream comes after the page: nothing that is shown first needs it.
    const { lastEvent, readEvents } = await import("./event-stream");
    // A number from the start: a stream without one would begin at whatever is last when it reconnects.
    this.lastSeq ??= await lastEvent(signal);
    const begun = (): void => {
      this.become("live");
      onLive();
    };
    for await (const event of readEvents(this.lastSeq, signal, begun)) this.take(event);
    // The hub closes the stream when it stops.
    if (!signal.aborted) this.become("offline");
  }

  private take(event: HubEvent): void {
    if (this.lastSeq !== null && event.seq <= this.lastSeq) return;
    this.lastSeq = event.seq;
    for (const listener of this.listeners) listener(event);
  }

  private become(state: Connection): void {
    if (this.state === state) return;
    this.state = state;
    for (const watcher of this.watchers) watcher();
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
