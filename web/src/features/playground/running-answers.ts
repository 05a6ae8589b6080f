import type { Answer } from "./answer";

/**
 * The answers that are being written. A fast model says a hundred tokens a second to each of three columns: those who
 * show an answer hear of it once a frame, and nobody else does.
 */
export class RunningAnswers {
  private readonly answers = new Map<string, Answer>();
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly changed = new Set<string>();
  private frame: number | null = null;

  get(id: string): Answer | undefined {
    return this.answers.get(id);
  }

  set(answer: Answer): void {
    this.answers.set(answer.id, answer);
    this.changed.add(answer.id);
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      const ids = [...this.changed];
      this.changed.clear();
      for (const id of ids) this.notify(id);
    });
  }

  /** The conversation has it now. */
  remove(id: string): void {
    this.answers.delete(id);
    this.notify(id);
  }

  subscribe(id: string, listener: () => void): () => void {
    const all = this.listeners.get(id) ?? new Set();
    this.listeners.set(id, all.add(listener));
    return () => {
      all.delete(listener);
      if (all.size === 0) this.listeners.delete(id);
    };
  }

  private notify(id: string): void {
    for (const listener of this.listeners.get(id) ?? []) listener();
  }
}
