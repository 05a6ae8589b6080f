import { newAnswer, type Answer } from "./answer";
import { ask } from "./ask";
import { noCapabilities, type ChatCapabilities } from "./capabilities";
import {
  addColumn,
  addTurn,
  deleteTurn,
  editTurn,
  forgetAnswers,
  messagesFor,
  newConversation,
  nextUnanswered,
  putAnswer,
  putResults,
  removeColumn,
  setModel,
  type Conversation,
} from "./conversation";
import { RunningAnswers } from "./running-answers";
import {
  eraseConversation,
  isConversationPlace,
  readConversations,
  writeConversation,
} from "./saved-conversations";
import { chatRequest, firstSettings, randomSeed, type Settings } from "./settings";

export interface SessionState {
  /** The one that is shown. */
  current: Conversation;
  /** All that this browser keeps, the last used first. */
  saved: Conversation[];
  /** Which columns of which conversations are being answered: `conversation/column`. */
  busy: ReadonlySet<string>;
  /** Why the conversations cannot be kept. */
  saveError: unknown;
  /** The answer that was finished last, for those who hear the page. */
  announcement: string;
}

/** What the page has found out about the hub. */
export interface HubKnowledge {
  capabilities: ChatCapabilities;
  /** Of a model's engine: the hub's own word, "absent" without one, or "unknown". */
  engineState: (model: string) => string;
}

export const knowsNothing: HubKnowledge = {
  capabilities: noCapabilities,
  engineState: () => "unknown",
};

/** Nothing says that the model has to be loaded first. */
const warmStates = new Set(["ready", "unknown"]);
const longestAnnouncement = 1_000;

/**
 * The conversations of this browser and the answers on their way. It outlives the page: one who looks at another page
 * and comes back finds the answer there.
 */
export class Session {
  readonly running = new RunningAnswers();
  private hub = knowsNothing;
  private readonly listeners = new Set<() => void>();
  private readonly aborts = new Map<string, AbortController>();
  private state: SessionState;

  constructor(
    private readonly storage: Storage,
    private readonly askFor: typeof ask = ask,
  ) {
    const saved = readConversations(storage);
    const current = saved[0] ?? newConversation(crypto.randomUUID(), [""], firstSettings);
    this.state = { current, saved, busy: new Set(), saveError: null, announcement: "" };
  }

  get snapshot(): SessionState {
    return this.state;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Takes over what another tab wrote. */
  readonly noteStorage = (event: StorageEvent): void => {
    if (!isConversationPlace(event.key) || this.state.busy.size > 0) return;
    const saved = readConversations(this.storage);
    const current = saved.find(({ id }) => id === this.state.current.id) ?? this.state.current;
    this.become({ saved, current });
  };

  learn(hub: HubKnowledge): void {
    this.hub = hub;
  }

  // Conversations

  /** An empty one with the same settings, unless the current is that already. */
  start(models?: string[]): void {
    const { current } = this.state;
    const wanted = models ?? current.columns.map((column) => column.model);
    const id = current.turns.length === 0 ? current.id : crypto.randomUUID();
    this.become({ current: newConversation(id, wanted, current.settings), announcement: "" });
  }

  open(id: string): void {
    const found = this.find(id);
    if (found) this.become({ current: found, announcement: "" });
  }

  erase(id: string): void {
    this.stop(id);
    eraseConversation(this.storage, id);
    const { current, saved } = this.state;
    const left = saved.filter((one) => one.id !== id);
    this.become({
      saved: left,
      ...(current.id === id && {
        current: newConversation(
          crypto.randomUUID(),
          current.columns.map((column) => column.model),
          current.settings,
        ),
      }),
    });
  }

  // Of the current conversation

  setSettings(change: Partial<Settings>): void {
    this.change((one) => ({ ...one, settings: { ...one.settings, ...change } }));
  }

  setModel(columnId: string, model: string): void {
    this.change((one) => setModel(one, columnId, model));
  }

  addColumn(model: string): void {
    this.change((one) => addColumn(one, model));
  }

  removeColumn(columnId: string): void {
    this.abort(this.key(this.state.current.id, columnId));
    this.change((one) => removeColumn(one, columnId));
  }

  send(text: string): void {
    this.change((one) => addTurn(one, crypto.randomUUID(), text));
    this.answerAll();
  }

  resend(turnId: string, text: string): void {
    this.stop();
    this.change((one) => editTurn(one, turnId, text));
    this.answerAll();
  }

  deleteTurn(turnId: string): void {
    this.stop();
    this.change((one) => deleteTurn(one, turnId));
  }

  clear(): void {
    this.stop();
    this.change((one) => ({ ...one, turns: [] }));
  }

  /** Asks a column again, for the turn and those that follow. */
  regenerate(columnId: string, turnId: string): void {
    this.abort(this.key(this.state.current.id, columnId));
    this.change((one) => forgetAnswers(one, columnId, turnId));
    this.answer(columnId, randomSeed());
  }

  /** Asks a column for all that it has not answered. */
  catchUp(columnId: string): void {
    this.answer(columnId, randomSeed());
  }

  giveResults(columnId: string, answerId: string, results: string[]): void {
    this.change((one) => putResults(one, answerId, results));
    this.answer(columnId, randomSeed());
  }

  stop(conversationId = this.state.current.id): void {
    for (const key of this.aborts.keys()) {
      if (key.startsWith(`${conversationId}/`)) this.abort(key);
    }
  }

  isBusy(columnId: string): boolean {
    return this.state.busy.has(this.key(this.state.current.id, columnId));
  }

  /** All columns with the same seed, where the settings name none. */
  private answerAll(): void {
    const seed = randomSeed();
    for (const column of this.state.current.columns) this.answer(column.id, seed);
  }

  private answer(columnId: string, seed: number): void {
    const conversationId = this.state.current.id;
    const key = this.key(conversationId, columnId);
    if (this.aborts.has(key)) return; // it goes on to the new turn by itself
    const abort = new AbortController();
    this.aborts.set(key, abort);
    this.become({ busy: new Set(this.aborts.keys()) });
    void this.answerTurns(conversationId, columnId, seed, abort.signal).finally(() => {
      if (this.aborts.get(key) === abort) this.aborts.delete(key);
      this.become({ busy: new Set(this.aborts.keys()) });
    });
  }

  /** One turn after the other, each with the answers before it; ends at one that failed or was stopped. */
  private async answerTurns(
    conversationId: string,
    columnId: string,
    seed: number,
    signal: AbortSignal,
  ): Promise<void> {
    for (;;) {
      const conversation = this.find(conversationId);
      const turn = conversation && nextUnanswered(conversation, columnId);
      const column = conversation?.columns.find((one) => one.id === columnId);
      if (!turn || !column) return;
      const messages = messagesFor(conversation, columnId, turn.id);
      const { settings } = conversation;
      const answer = newAnswer(
        crypto.randomUUID(),
        chatRequest(column.model, messages, settings, this.hub.capabilities, seed),
        !warmStates.has(this.hub.engineState(column.model)),
      );
      const put = (one: Answer): void =>
        this.change((all) => putAnswer(all, turn.id, columnId, one), conversationId);
      put(answer);
      const settled = await this.askFor(answer, signal, (one) => this.running.set(one));
      if (this.stillWanted(conversationId, columnId, answer.id)) {
        put(settled);
        this.announce(settled);
      }
      this.running.remove(answer.id);
      if (settled.state !== "done") return;
    }
  }

  private announce({ state, request, text }: Answer): void {
    if (state !== "done") return;
    this.become({ announcement: `${request.model}: ${text.slice(0, longestAnnouncement)}` });
  }

  /** Whether the answer's place is there yet: its turn, its column or all may have been deleted meanwhile. */
  private stillWanted(conversationId: string, columnId: string, answerId: string): boolean {
    const turns = this.find(conversationId)?.turns ?? [];
    return turns.some((turn) => turn.answers[columnId]?.some(({ id }) => id === answerId));
  }

  private abort(key: string): void {
    this.aborts.get(key)?.abort();
    this.aborts.delete(key);
  }

  private readonly key = (conversationId: string, columnId: string): string =>
    `${conversationId}/${columnId}`;

  private find(id: string): Conversation | undefined {
    const { current, saved } = this.state;
    return current.id === id ? current : saved.find((one) => one.id === id);
  }

  private change(
    edit: (conversation: Conversation) => Conversation,
    id = this.state.current.id,
  ): void {
    const before = this.find(id);
    if (!before) return;
    const after = { ...edit(before), updatedAt: new Date().toISOString() };
    const { current, saved } = this.state;
    const others = saved.filter((one) => one.id !== id);
    // One without a word is not worth keeping.
    const keep = after.turns.length > 0 || others.length < saved.length;
    this.become({
      current: current.id === id ? after : current,
      saved: keep ? [after, ...others] : saved,
      saveError: keep ? this.save(after) : null,
    });
  }

  private save(conversation: Conversation): unknown {
    try {
      writeConversation(this.storage, conversation);
      return null;
    } catch (error) {
      return error;
    }
  }

  private become(change: Partial<SessionState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }
}
