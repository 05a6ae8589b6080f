import type { ChatRequest } from "./chat-request";

export interface Client {
  /** Where the hub is, without a path: "http://127.0.0.1:8000". */
  origin: string;
  /** The hub asks for a key; it is read from the environment and never written into the code. */
  needsKey: boolean;
}

export const jsonCode = (request: ChatRequest): string => JSON.stringify(request, null, 2);

export function curlCode(request: ChatRequest, { origin, needsKey }: Client): string {
  const lines = [
    `curl -N ${origin}/v1/chat/completions`,
    `-H 'Content-Type: application/json'`,
    ...(needsKey ? ['-H "Authorization: Bearer $MLX_HUB_API_KEY"'] : []),
    `-d '${jsonCode(request).replaceAll("'", `'\\''`)}'`,
  ];
  return lines.join(" \\\n  ");
}

/** What the openai package takes by name; everything else goes into `extra_body`. */
const clientFields = new Set<keyof ChatRequest>([
  "model",
  "messages",
  "temperature",
  "top_p",
  "max_tokens",
  "stop",
  "seed",
  "presence_penalty",
  "frequency_penalty",
  "logprobs",
  "top_logprobs",
  "response_format",
  "tools",
  "tool_choice",
  "stream",
  "stream_options",
]);

export function pythonCode(request: ChatRequest, { origin, needsKey }: Client): string {
  const fields = Object.entries(request) as [keyof ChatRequest, unknown][];
  const named = fields.filter(([name]) => clientFields.has(name));
  const extra = fields.filter(([name]) => !clientFields.has(name));
  const args: [string, unknown][] = [...named];
  if (extra.length > 0) args.push(["extra_body", Object.fromEntries(extra)]);
  return [
    ...(needsKey ? ["import os", ""] : []),
    "from openai import OpenAI",
    "",
    "client = OpenAI(",
    `    base_url="${origin}/v1",`,
    `    api_key=${needsKey ? 'os.environ["MLX_HUB_API_KEY"]' : '"none"'},`,
    ")",
    "stream = client.chat.completions.create(",
    ...args.map(([name, value]) => `    ${name}=${pythonValue(value, "    ")},`),
    ")",
    "for chunk in stream:",
    "    if chunk.choices:",
    '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
    "    elif chunk.usage:",
    '        print(f"\\n{chunk.usage.completion_tokens} tokens")',
    "",
  ].join("\n");
}

/** A JSON value as Python writes it; strings of both have the same escapes. */
function pythonValue(value: unknown, indent: string): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const isList = Array.isArray(value);
  const inner = `${indent}    `;
  const entries = isList
    ? value.map((one: unknown) => pythonValue(one, inner))
    : Object.entries(value).map(
        ([name, one]) => `${JSON.stringify(name)}: ${pythonValue(one, inner)}`,
      );
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return open + close;
  return `${open}\n${entries.map((entry) => `${inner}${entry},\n`).join("")}${indent}${close}`;
}
