/** What comes live may come by the hundred a second: it is shown so often at most. */
const showEveryMs = 200;

/**
 * Something of a job that has a history and goes on live: metrics, samples, events. Both are put into the same place by
 * a key of their own, so it does not matter in which order they come or whether they come twice.
 */
export abstract class Gathering {
  private readonly watchers = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private loading = false;
  private again = false;
  /** Grows when there is something new. */
  version = 0;
  loaded = false;
  error: unknown = null;

  /** Asks for what of the history is not here yet. */
  protected abstract loadRest(): Promise<void>;

  /** Loads what is missing; what is asked while that is under way is done after it. */
  async load(): Promise<void> {
    if (this.loading) {
      this.again = true;
      return;
    }
    this.loading = true;
    try {
      await this.loadRest();
      this.loaded = true;
      this.error = null;
    } catch (error) {
      this.error = error;
    }
    this.loading = false;
    this.tell();
    if (this.again) {
      this.again = false;
      await this.load();
    }
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  protected tellSoon(): void {
    this.timer ??= setTimeout(() => this.tell(), showEveryMs);
  }

  protected tell(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.version += 1;
    for (const watcher of this.watchers) watcher();
  }
}
