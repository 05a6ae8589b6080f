import { isSettled, type Answer } from "./answer";
import type { ChatMessage } from "./chat-request";
import type { Settings } from "./settings";

/** One of the models that are asked side by side. */
export interface Column {
  id: string;
  /** A `model` value: `name`, `name:3`, `name@alias`, `base+adapter`. Empty until one is chosen. */
  model: string;
}

/** What the user said, and what each column answered: several answers where tools were called between them. */
export interface Turn {
  id: string;
  text: string;
  answers: Record<string, Answer[]>;
}

export interface Conversation {
  id: string;
  createdAt: string;
  updatedAt: string;
  columns: Column[];
  turns: Turn[];
  settings: Settings;
}

export const mostColumns = 3;
const titleLength = 60;

export function newConversation(
  id: string,
  models: string[],
  settings: Settings,
  now = new Date(),
): Conversation {
  const time = now.toISOString();
  const columns = models
    .slice(0, mostColumns)
    .map((model, index) => ({ id: `${index + 1}`, model }));
  return { id, createdAt: time, updatedAt: time, columns, turns: [], settings };
}

/** Its first words. */
export function titleOf(conversation: Conversation): string {
  const words = (conversation.turns[0]?.text ?? "").trim().replace(/\s+/g, " ");
  if (words === "") return "New conversation";
  if (words.length <= titleLength) return words;
  const cut = words.slice(0, titleLength);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), titleLength / 2)).trimEnd()}…`;
}

export function addTurn(conversation: Conversation, id: string, text: string): Conversation {
  return { ...conversation, turns: [...conversation.turns, { id, text, answers: {} }] };
}

export function deleteTurn(conversation: Conversation, turnId: string): Conversation {
  return { ...conversation, turns: conversation.turns.filter((turn) => turn.id !== turnId) };
}

/** Other words for a turn: what was answered to the old ones, and all that followed, goes. */
export function editTurn(conversation: Conversation, turnId: string, text: string): Conversation {
  const at = conversation.turns.findIndex((turn) => turn.id === turnId);
  const turn = conversation.turns[at];
  if (!turn) return conversation;
  return {
    ...conversation,
    turns: [...conversation.turns.slice(0, at), { ...turn, text, answers: {} }],
  };
}

/** Forgets what a column answered from a turn on, so that it is asked again. */
export function forgetAnswers(
  conversation: Conversation,
  columnId: string,
  turnId: string,
): Conversation {
  const from = conversation.turns.findIndex((turn) => turn.id === turnId);
  if (from < 0) return conversation;
  const turns = conversation.turns.map((turn, at) => {
    if (at < from) return turn;
    const kept = Object.entries(turn.answers).filter(([id]) => id !== columnId);
    return { ...turn, answers: Object.fromEntries(kept) };
  });
  return { ...conversation, turns };
}

export function addColumn(conversation: Conversation, model: string): Conversation {
  if (conversation.columns.length >= mostColumns) return conversation;
  const used = new Set(conversation.columns.map((column) => column.id));
  // Answers of a removed column are gone with it, so its id may be used again.
  const id = ["1", "2", "3"].find((one) => !used.has(one)) ?? "1";
  return { ...conversation, columns: [...conversation.columns, { id, model }] };
}

export function removeColumn(conversation: Conversation, columnId: string): Conversation {
  const first = conversation.turns[0];
  const without = first ? forgetAnswers(conversation, columnId, first.id) : conversation;
  return { ...without, columns: without.columns.filter((column) => column.id !== columnId) };
}

export function setModel(
  conversation: Conversation,
  columnId: string,
  model: string,
): Conversation {
  return {
    ...conversation,
    columns: conversation.columns.map((column) =>
      column.id === columnId ? { ...column, model } : column,
    ),
  };
}

/** Puts an answer in the place of the one with its id or of one that failed; else behind the others. */
export function putAnswer(
  conversation: Conversation,
  turnId: string,
  columnId: string,
  answer: Answer,
): Conversation {
  const turns = conversation.turns.map((turn) => {
    if (turn.id !== turnId) return turn;
    const before = turn.answers[columnId] ?? [];
    const kept = before.filter((one) => one.id !== answer.id && one.state !== "failed");
    return { ...turn, answers: { ...turn.answers, [columnId]: [...kept, answer] } };
  });
  return { ...conversation, turns };
}

/** What the tools gave back for an answer's calls. */
export function putResults(
  conversation: Conversation,
  answerId: string,
  results: string[],
): Conversation {
  const turns = conversation.turns.map((turn) => ({
    ...turn,
    answers: Object.fromEntries(
      Object.entries(turn.answers).map(([columnId, answers]) => [
        columnId,
        answers.map((answer) => (answer.id === answerId ? { ...answer, results } : answer)),
      ]),
    ),
  }));
  return { ...conversation, turns };
}

/** The first turn that a column has yet to answer: never asked, failed, or with a tool's results to go on from. */
export function nextUnanswered(conversation: Conversation, columnId: string): Turn | null {
  const open = (turn: Turn): boolean => {
    const last = turn.answers[columnId]?.at(-1);
    if (!last || last.state === "failed") return true;
    return isSettled(last) && last.results !== null;
  };
  return conversation.turns.find(open) ?? null;
}

/** What a column is sent when it is asked for a turn. */
export function messagesFor(
  conversation: Conversation,
  columnId: string,
  turnId: string,
): ChatMessage[] {
  const messages: ChatMessage[] = [];
  const system = conversation.settings.system.trim();
  if (system !== "") messages.push({ role: "system", content: system });
  for (const turn of conversation.turns) {
    messages.push({ role: "user", content: turn.text });
    for (const answer of turn.answers[columnId] ?? []) messages.push(...messagesOf(answer));
    if (turn.id === turnId) break;
  }
  return messages;
}

/** An answer as the next request repeats it. Calls without results are left out: no model takes them. */
function messagesOf(answer: Answer): ChatMessage[] {
  if (answer.state === "failed" || !isSettled(answer)) return [];
  const { results, toolCalls, text } = answer;
  if (results && toolCalls.length > 0) {
    return [
      { role: "assistant", content: text === "" ? null : text, tool_calls: toolCalls },
      ...toolCalls.map((call, index): ChatMessage => ({
        role: "tool",
        tool_call_id: call.id,
        content: results[index] ?? "",
      })),
    ];
  }
  // A model may answer nothing; one that was stopped before its first word did not answer.
  return text === "" && answer.state === "stopped" ? [] : [{ role: "assistant", content: text }];
}

/** The row that a column makes in a data set of format `chat`; null when it answered nothing. */
export function chatRow(
  conversation: Conversation,
  columnId: string,
): { messages: ChatMessage[]; tools?: object[] } | null {
  const answered = conversation.turns.filter((turn) =>
    turn.answers[columnId]?.some((answer) => answer.text !== "" || answer.results !== null),
  );
  const last = answered.at(-1);
  if (!last) return null;
  const messages = messagesFor({ ...conversation, turns: answered }, columnId, last.id);
  const tools = last.answers[columnId]?.at(-1)?.request.tools;
  return { messages, ...(tools && { tools }) };
}
