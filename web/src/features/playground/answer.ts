import type { ChatRequest, ToolCall } from "./chat-request";

/** How likely a token was, and what else might have come in its place. */
export interface TokenProbability {
  token: string;
  logprob: number;
  alternatives: { token: string; logprob: number }[];
}

export interface AnswerError {
  message: string;
  code: string | null;
  requestId: string | null;
}

export type AnswerState = "waiting" | "streaming" | "done" | "stopped" | "failed";

/** One answer of one model, from the request on. Times are milliseconds since it was sent. */
export interface Answer {
  id: string;
  state: AnswerState;
  request: ChatRequest;
  text: string;
  toolCalls: ToolCall[];
  /** What the tools gave back, in the order of the calls; null until it is known. */
  results: string[] | null;
  tokens: TokenProbability[];
  finishReason: string | null;
  usage: AnswerUsage | null;
  firstTokenMs: number | null;
  lastTokenMs: number | null;
  /** The model was not loaded when it was asked: the time to the first token holds the load. */
  cold: boolean;
  requestId: string | null;
  error: AnswerError | null;
}

export interface AnswerUsage {
  promptTokens: number;
  /** Of the prompt's those that an earlier request had left. */
  cachedTokens: number;
  completionTokens: number;
  /** Of the answer's those that were guessed and came, and the guesses that did not come. */
  acceptedTokens: number;
  rejectedTokens: number;
}

export function newAnswer(id: string, request: ChatRequest, cold: boolean): Answer {
  return {
    id,
    state: "waiting",
    request,
    text: "",
    toolCalls: [],
    results: null,
    tokens: [],
    finishReason: null,
    usage: null,
    firstTokenMs: null,
    lastTokenMs: null,
    cold,
    requestId: null,
    error: null,
  };
}

// The stream's chunks as OpenAI writes them. Everything may be absent: servers differ.
interface LogprobChunk {
  token?: string;
  logprob?: number;
  top_logprobs?: { token?: string; logprob?: number }[];
}
interface ToolCallChunk {
  index?: number;
  id?: string;
  function?: { name?: string; arguments?: string };
}
interface Chunk {
  error?: { message?: string; code?: string | null };
  usage?: {
    prompt_tokens?: number;
    completion_tokens?: number;
    prompt_tokens_details?: { cached_tokens?: number } | null;
    completion_tokens_details?: {
      accepted_prediction_tokens?: number;
      rejected_prediction_tokens?: number;
    } | null;
  } | null;
  choices?: {
    delta?: { content?: string | null; tool_calls?: ToolCallChunk[] };
    logprobs?: { content?: LogprobChunk[] | null } | null;
    finish_reason?: string | null;
  }[];
}

/** Nothing more will come. */
export const isSettled = (answer: Answer): boolean =>
  answer.state === "done" || answer.state === "stopped" || answer.state === "failed";

/** The answer after one `data:` of its stream. What comes after the end changes nothing. */
export function takeData(answer: Answer, data: string, ms: number): Answer {
  if (isSettled(answer)) return answer;
  if (data === "[DONE]") return { ...answer, state: "done" };
  let chunk: Chunk;
  try {
    chunk = JSON.parse(data) as Chunk;
  } catch {
    return fail(answer, { message: "The server sent something that is not JSON.", code: null });
  }
  if (chunk.error) {
    return fail(answer, {
      message: chunk.error.message ?? "The answer broke off.",
      code: chunk.error.code ?? null,
    });
  }
  const usage = usageOf(chunk) ?? answer.usage;
  const choice = chunk.choices?.[0];
  if (!choice) return { ...answer, state: "streaming", usage };
  const text = choice.delta?.content ?? "";
  const calls = choice.delta?.tool_calls ?? [];
  const says = text !== "" || calls.length > 0;
  return {
    ...answer,
    state: "streaming",
    text: answer.text + text,
    toolCalls: calls.reduce(withCall, answer.toolCalls),
    tokens: withTokens(answer.tokens, choice.logprobs?.content ?? []),
    finishReason: choice.finish_reason ?? answer.finishReason,
    usage,
    firstTokenMs: says ? (answer.firstTokenMs ?? ms) : answer.firstTokenMs,
    lastTokenMs: says ? ms : answer.lastTokenMs,
  };
}

function usageOf({ usage }: Chunk): Answer["usage"] {
  return usage
    ? {
        promptTokens: usage.prompt_tokens ?? 0,
        cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
        completionTokens: usage.completion_tokens ?? 0,
        acceptedTokens: usage.completion_tokens_details?.accepted_prediction_tokens ?? 0,
        rejectedTokens: usage.completion_tokens_details?.rejected_prediction_tokens ?? 0,
      }
    : null;
}

/** Calls come in pieces: the name first, then the arguments bit by bit. */
function withCall(calls: ToolCall[], piece: ToolCallChunk): ToolCall[] {
  const index = piece.index ?? 0;
  const before = calls[index];
  const call: ToolCall = {
    id: before?.id || piece.id || "",
    type: "function",
    function: {
      name: (before?.function.name ?? "") + (piece.function?.name ?? ""),
      arguments: (before?.function.arguments ?? "") + (piece.function?.arguments ?? ""),
    },
  };
  return before ? calls.with(index, call) : [...calls, call];
}

function withTokens(tokens: TokenProbability[], chunks: LogprobChunk[]): TokenProbability[] {
  if (chunks.length === 0) return tokens;
  return [
    ...tokens,
    ...chunks.map((one) => ({
      token: one.token ?? "",
      logprob: one.logprob ?? -Infinity,
      alternatives: (one.top_logprobs ?? []).map((other) => ({
        token: other.token ?? "",
        logprob: other.logprob ?? -Infinity,
      })),
    })),
  ];
}

/** After the stream's end; without `[DONE]` the connection broke. */
export function endOfStream(answer: Answer): Answer {
  return isSettled(answer)
    ? answer
    : fail(answer, { message: "The connection broke before the answer was whole.", code: null });
}

/** The user did not want more of it. */
export const stop = (answer: Answer): Answer =>
  isSettled(answer) ? answer : { ...answer, state: "stopped" };

export function fail(
  answer: Answer,
  error: { message: string; code: string | null; requestId?: string | null },
): Answer {
  return {
    ...answer,
    state: "failed",
    error: { ...error, requestId: error.requestId ?? answer.requestId },
  };
}

/** Chunks that arrive within such a time came in one packet: it tells nothing of the model. */
const leastMs = 20;

/** How fast the answer was written, without the wait for its first token; null when nobody can say. */
export function tokensPerSecond(answer: Answer): number | null {
  const { usage, firstTokenMs, lastTokenMs } = answer;
  if (!usage || firstTokenMs === null || lastTokenMs === null) return null;
  const ms = lastTokenMs - firstTokenMs;
  // The first token was there when the clock started.
  return usage.completionTokens > 1 && ms >= leastMs
    ? ((usage.completionTokens - 1) * 1000) / ms
    : null;
}
