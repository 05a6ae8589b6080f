// What is sent to POST /v1/chat/completions.

export interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

export type ChatMessage =
  | { role: "system" | "user"; content: string }
  | { role: "assistant"; content: string | null; tool_calls?: ToolCall[] }
  | { role: "tool"; tool_call_id: string; content: string };

/** A field that is absent is the server's to choose. */
export interface ChatRequest {
  model: string;
  messages: ChatMessage[];
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  max_tokens?: number;
  stop?: string[];
  seed?: number;
  presence_penalty?: number;
  frequency_penalty?: number;
  repetition_penalty?: number;
  logprobs?: true;
  top_logprobs?: number;
  response_format?: {
    type: "json_schema";
    json_schema: { name: string; strict: true; schema: object };
  };
  tools?: object[];
  tool_choice?: string;
  chat_template_kwargs?: object;
  stream: true;
  stream_options: { include_usage: true };
}
