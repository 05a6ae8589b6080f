import type { ChatCapabilities } from "./capabilities";
import type { ChatMessage, ChatRequest } from "./chat-request";

/** What a conversation is asked with. Fields are texts as typed; an empty one is left to the server. */
export interface Settings {
  system: string;
  temperature: string;
  topP: string;
  topK: string;
  minP: string;
  maxTokens: string;
  seed: string;
  stop: string[];
  presencePenalty: string;
  frequencyPenalty: string;
  repetitionPenalty: string;
  logprobs: boolean;
  schema: string;
  tools: string;
  toolChoice: "auto" | "none" | "required";
  templateVariables: string;
}

export const firstSettings: Settings = {
  system: "",
  temperature: "0.7",
  topP: "",
  topK: "",
  minP: "",
  maxTokens: "512",
  seed: "",
  stop: [],
  presencePenalty: "",
  frequencyPenalty: "",
  repetitionPenalty: "",
  logprobs: false,
  schema: "",
  tools: "",
  toolChoice: "auto",
  templateVariables: "",
};

export type NumberField =
  | "temperature"
  | "topP"
  | "topK"
  | "minP"
  | "maxTokens"
  | "seed"
  | "presencePenalty"
  | "frequencyPenalty"
  | "repetitionPenalty";

interface Range {
  low: number;
  high: number;
  whole: boolean;
}

/** What the server takes (api/openai/generation_options.cpp). */
export const ranges: Record<NumberField, Range> = {
  temperature: { low: 0, high: 2, whole: false },
  topP: { low: 0, high: 1, whole: false },
  topK: { low: 0, high: 2_147_483_647, whole: true },
  minP: { low: 0, high: 1, whole: false },
  maxTokens: { low: 1, high: 2_147_483_647, whole: true },
  seed: { low: -Number.MAX_SAFE_INTEGER, high: Number.MAX_SAFE_INTEGER, whole: true },
  presencePenalty: { low: -2, high: 2, whole: false },
  frequencyPenalty: { low: -2, high: 2, whole: false },
  repetitionPenalty: { low: 0, high: 2, whole: false },
};

const penaltyFields = ["presencePenalty", "frequencyPenalty", "repetitionPenalty"] as const;
const maxStops = 16;
const shownAlternatives = 5;

/** A number as typed; null when it is not one that the field takes. */
function numberIn(field: NumberField, text: string): number | null {
  const { low, high, whole } = ranges[field];
  const value = Number(text);
  const fits = Number.isFinite(value) && value >= low && value <= high;
  return fits && (!whole || Number.isSafeInteger(value)) ? value : null;
}

function parseJson(text: string): { value: unknown } | { error: string } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Why the text is no JSON object; null when it is, or is empty. */
export function objectProblem(text: string): string | null {
  if (text.trim() === "") return null;
  const parsed = parseJson(text);
  if ("error" in parsed) return parsed.error;
  return isObject(parsed.value) ? null : "This must be a JSON object: { … }";
}

/** Why the text is no list of tools; null when it is, or is empty. */
export function toolsProblem(text: string): string | null {
  if (text.trim() === "") return null;
  const parsed = parseJson(text);
  if ("error" in parsed) return parsed.error;
  if (!Array.isArray(parsed.value)) return "This must be a JSON array of tools: [ … ]";
  for (const [index, tool] of parsed.value.entries()) {
    const called: unknown = isObject(tool) && tool.type === "function" ? tool.function : null;
    if (!isObject(called) || typeof called.name !== "string" || called.name === "") {
      return `Tool ${index + 1} must be {"type": "function", "function": {"name": …}}`;
    }
  }
  return null;
}

export type Problems = Partial<Record<keyof Settings, string>>;

/** What cannot be sent, by field. Fields that the hub cannot take are not looked at: they are not sent. */
export function problemsOf(settings: Settings, capabilities: ChatCapabilities): Problems {
  const problems: Problems = {};
  for (const field of Object.keys(ranges) as NumberField[]) {
    const text = settings[field].trim();
    if (text === "" || numberIn(field, text) !== null) continue;
    if (!capabilities.penalties && penaltyFields.some((name) => name === field)) continue;
    const { low, high, whole } = ranges[field];
    const kind = whole ? "A whole number" : "A number";
    problems[field] =
      high > 1e9 ? `${kind}${low < 0 ? "" : `, ${low} or more`}` : `${kind} from ${low} to ${high}`;
  }
  if (settings.stop.length > maxStops) problems.stop = `At most ${maxStops} stop texts`;
  const inJson: [keyof Settings, boolean, string | null][] = [
    ["schema", capabilities.jsonSchema, objectProblem(settings.schema)],
    ["tools", capabilities.tools, toolsProblem(settings.tools)],
    ["templateVariables", true, objectProblem(settings.templateVariables)],
  ];
  for (const [field, sent, problem] of inJson) if (sent && problem) problems[field] = problem;
  return problems;
}

/**
 * The body for one column. `seed` goes out when the settings name none, so that all columns draw alike and the
 * answer can be had again. The settings must be without problems.
 */
export function chatRequest(
  model: string,
  messages: ChatMessage[],
  settings: Settings,
  capabilities: ChatCapabilities,
  seed: number,
): ChatRequest {
  const number = (field: NumberField): number | undefined => {
    const text = settings[field].trim();
    return text === "" ? undefined : (numberIn(field, text) ?? undefined);
  };
  const json = (text: string): object | undefined =>
    text.trim() === "" ? undefined : (JSON.parse(text) as object);
  const request: ChatRequest = {
    model,
    messages,
    temperature: number("temperature"),
    top_p: number("topP"),
    top_k: number("topK"),
    min_p: number("minP"),
    max_tokens: number("maxTokens"),
    seed: number("seed") ?? seed,
    chat_template_kwargs: json(settings.templateVariables),
    stream: true,
    stream_options: { include_usage: true },
  };
  if (settings.stop.length > 0) request.stop = settings.stop;
  if (capabilities.penalties) {
    request.presence_penalty = number("presencePenalty");
    request.frequency_penalty = number("frequencyPenalty");
    request.repetition_penalty = number("repetitionPenalty");
  }
  if (capabilities.logprobs && settings.logprobs) {
    request.logprobs = true;
    request.top_logprobs = shownAlternatives;
  }
  const schema = capabilities.jsonSchema ? json(settings.schema) : undefined;
  if (schema) {
    request.response_format = {
      type: "json_schema",
      json_schema: { name: "answer", strict: true, schema },
    };
  }
  const tools = capabilities.tools ? json(settings.tools) : undefined;
  if (Array.isArray(tools) && tools.length > 0) {
    request.tools = tools as object[];
    request.tool_choice = settings.toolChoice;
  }
  return withoutUndefined(request);
}

/** So that what is compared, kept and copied is exactly what JSON.stringify sends. */
function withoutUndefined(request: ChatRequest): ChatRequest {
  return JSON.parse(JSON.stringify(request)) as ChatRequest;
}

/** For a message whose settings name no seed. */
export const randomSeed = (): number => Math.floor(Math.random() * 2 ** 31);
