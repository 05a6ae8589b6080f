import { isSettled, type Answer } from "./answer";
import type { ChatMessage } from "./chat-request";
import { messagesFor, type Conversation } from "./conversation";

// Each conversation has its own place in this browser's storage, so that two tabs do not overwrite each other.
const prefix = "mlx-hub-conversation-";

export const isConversationPlace = (place: string | null): boolean =>
  place === null || place.startsWith(prefix);

/** Those that this browser has, the last used first. */
export function readConversations(storage: Storage): Conversation[] {
  const found: Conversation[] = [];
  for (let at = 0; at < storage.length; at += 1) {
    const place = storage.key(at);
    if (!place?.startsWith(prefix)) continue;
    const conversation = unpack(storage.getItem(place) ?? "");
    if (conversation) found.push(conversation);
  }
  return found.sort((one, other) => other.updatedAt.localeCompare(one.updatedAt));
}

/** Throws where the browser has no room left. */
export function writeConversation(storage: Storage, conversation: Conversation): void {
  storage.setItem(prefix + conversation.id, pack(conversation));
}

export function eraseConversation(storage: Storage, id: string): void {
  storage.removeItem(prefix + id);
}

/**
 * Without what the conversation says anyway: a request holds all messages before it, so that keeping each whole would
 * take the square of the room. Those that differ (something before was edited or deleted) stay whole. Probabilities
 * are too many to keep, and what is still being written has no end yet.
 */
export function pack(conversation: Conversation): string {
  const turns = conversation.turns.map((turn) => ({
    ...turn,
    answers: Object.fromEntries(
      Object.entries(turn.answers).map(([columnId, answers]) => [
        columnId,
        answers.filter(isSettled).map((answer, index, settled) => {
          const implied = impliedMessages(conversation, columnId, turn.id, settled, index);
          const same = JSON.stringify(implied) === JSON.stringify(answer.request.messages);
          return {
            ...answer,
            tokens: [],
            request: same ? { ...answer.request, messages: null } : answer.request,
          };
        }),
      ]),
    ),
  }));
  return JSON.stringify({ ...conversation, turns });
}

/** null for what is not a conversation of this version of the dashboard. */
export function unpack(text: string): Conversation | null {
  let packed: Conversation;
  try {
    packed = JSON.parse(text) as Conversation;
    if (!Array.isArray(packed.columns) || !Array.isArray(packed.turns)) return null;
  } catch {
    return null;
  }
  // Front to back: each request's messages are made of the answers before it.
  const conversation: Conversation = { ...packed, turns: [...packed.turns] };
  for (const [at, turn] of packed.turns.entries()) {
    const answers = Object.fromEntries(
      Object.entries(turn.answers).map(([columnId, all]) => [
        columnId,
        all.map((answer, index) => {
          // Left out by pack().
          if ((answer.request.messages as ChatMessage[] | null) !== null) return answer;
          const messages = impliedMessages(conversation, columnId, turn.id, all, index);
          return { ...answer, request: { ...answer.request, messages } };
        }),
      ]),
    );
    conversation.turns[at] = { ...turn, answers };
  }
  return conversation;
}

/** The messages of a request, had nothing been changed since. */
function impliedMessages(
  conversation: Conversation,
  columnId: string,
  turnId: string,
  answers: Answer[],
  index: number,
): ChatMessage[] {
  const turns = conversation.turns.map((turn) =>
    turn.id === turnId
      ? { ...turn, answers: { ...turn.answers, [columnId]: answers.slice(0, index) } }
      : turn,
  );
  return messagesFor({ ...conversation, turns }, columnId, turnId);
}
