import { describe, expect, it } from "vitest";
import {
  endOfStream,
  fail,
  newAnswer,
  stop,
  takeData,
  tokensPerSecond,
  type Answer,
} from "./answer";
import type { ChatRequest } from "./chat-request";

const request: ChatRequest = {
  model: "llama",
  messages: [{ role: "user", content: "Hi" }],
  stream: true,
  stream_options: { include_usage: true },
};

const chunk = (choice: object, rest: object = {}): string =>
  JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "llama",
    choices: [{ index: 0, logprobs: null, finish_reason: null, ...choice }],
    usage: null,
    ...rest,
  });

const said = (content: string): string => chunk({ delta: { content } });

/** Takes the data one after the other, each 100 ms after the one before. */
const taken = (data: string[], answer: Answer = newAnswer("a", request, false)): Answer =>
  data.reduce((before, one, index) => takeData(before, one, (index + 1) * 100), answer);

const usage = JSON.stringify({
  choices: [],
  usage: {
    prompt_tokens: 12,
    completion_tokens: 3,
    total_tokens: 15,
    prompt_tokens_details: { cached_tokens: 8 },
    completion_tokens_details: { accepted_prediction_tokens: 2, rejected_prediction_tokens: 1 },
  },
});

describe("an answer's stream", () => {
  it("becomes text with times, usage and the reason for its end", () => {
    const answer = taken([
      chunk({ delta: { role: "assistant", content: "" } }),
      said("Good"),
      said(" day"),
      said("."),
      chunk({ delta: {}, finish_reason: "stop" }),
      usage,
      "[DONE]",
    ]);
    expect(answer).toMatchObject({
      state: "done",
      text: "Good day.",
      finishReason: "stop",
      usage: {
        promptTokens: 12,
        cachedTokens: 8,
        completionTokens: 3,
        acceptedTokens: 2,
        rejectedTokens: 1,
      },
      firstTokenMs: 200,
      lastTokenMs: 400,
      error: null,
    });
    expect(tokensPerSecond(answer)).toBe(10);
  });

  it("is not begun by the opening chunk: that comes before the prompt was read", () => {
    const answer = taken([chunk({ delta: { role: "assistant", content: "" } })]);
    expect(answer.firstTokenMs).toBeNull();
    expect(answer.state).toBe("streaming");
  });

  it("fails by an error in the middle, and keeps what was said and the request's id", () => {
    const answer = taken(
      [
        said("Goo"),
        JSON.stringify({ error: { message: "generation failed", code: "internal_error" } }),
        said("d"),
        "[DONE]",
      ],
      { ...newAnswer("a", request, false), requestId: "0199" },
    );
    expect(answer).toMatchObject({
      state: "failed",
      text: "Goo",
      error: { message: "generation failed", code: "internal_error", requestId: "0199" },
    });
  });

  it("fails when the stream ends without [DONE]", () => {
    const answer = endOfStream(taken([said("Goo")]));
    expect(answer.state).toBe("failed");
    expect(answer.error?.message).toContain("broke");
    expect(endOfStream(taken([said("Good"), "[DONE]"])).state).toBe("done");
  });

  it("fails when something else than JSON comes", () => {
    expect(taken(["<html>"]).state).toBe("failed");
  });

  it("stays as it was when it is stopped after its end", () => {
    expect(stop(taken([said("Goo")]))).toMatchObject({ state: "stopped", text: "Goo" });
    expect(stop(taken([said("Good"), "[DONE]"])).state).toBe("done");
  });

  it("has no speed without usage, with one token, or when all came at once", () => {
    const atOnce = [said("a"), said("b"), said("c"), usage].reduce(
      (before, one) => takeData(before, one, 700),
      newAnswer("a", request, false),
    );
    expect(tokensPerSecond(atOnce)).toBeNull();
    expect(tokensPerSecond(taken([said("a"), said("b")]))).toBeNull();
    const one = JSON.stringify({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } });
    expect(tokensPerSecond(taken([said("a"), one]))).toBeNull();
  });

  it("keeps an error's own request id", () => {
    const answer = fail(newAnswer("a", request, false), {
      message: "no such model",
      code: "model_not_found",
      requestId: "01aa",
    });
    expect(answer.error?.requestId).toBe("01aa");
  });
});

// As OpenAI's server sends them with logprobs: true, top_logprobs: 2.
const recordedLogprobs = [
  '{"id":"chatcmpl-B9","object":"chat.completion.chunk","created":1741569952,"model":"gpt-4o","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":{"content":[],"refusal":null},"finish_reason":null}]}',
  '{"id":"chatcmpl-B9","object":"chat.completion.chunk","created":1741569952,"model":"gpt-4o","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":{"content":[{"token":"Hello","logprob":-0.31725305,"bytes":[72,101,108,108,111],"top_logprobs":[{"token":"Hello","logprob":-0.31725305,"bytes":[72,101,108,108,111]},{"token":"Hi","logprob":-1.3190403,"bytes":[72,105]}]}],"refusal":null},"finish_reason":null}]}',
  '{"id":"chatcmpl-B9","object":"chat.completion.chunk","created":1741569952,"model":"gpt-4o","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"content":"!"},"logprobs":{"content":[{"token":"!","logprob":-0.02380986,"bytes":[33],"top_logprobs":[{"token":"!","logprob":-0.02380986,"bytes":[33]},{"token":" there","logprob":-3.787621,"bytes":[32,116,104,101,114,101]}]}],"refusal":null},"finish_reason":null}]}',
  '{"id":"chatcmpl-B9","object":"chat.completion.chunk","created":1741569952,"model":"gpt-4o","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}',
  "[DONE]",
];

describe("an answer with probabilities", () => {
  it("has a token for each, with what else might have come", () => {
    const answer = taken(recordedLogprobs);
    expect(answer.tokens.map(({ token }) => token).join("")).toBe(answer.text);
    expect(answer.tokens[0]).toEqual({
      token: "Hello",
      logprob: -0.31725305,
      alternatives: [
        { token: "Hello", logprob: -0.31725305 },
        { token: "Hi", logprob: -1.3190403 },
      ],
    });
  });
});

// As OpenAI's server sends a call of a function.
const recordedCall = [
  '{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_DdmO9pD3xa9XTPNJ32zg2hcA","type":"function","function":{"name":"get_weather","arguments":""}}],"refusal":null},"logprobs":null,"finish_reason":null}]}',
  '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"city\\":"}}]},"logprobs":null,"finish_reason":null}]}',
  '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\\"Paris\\"}"}}]},"logprobs":null,"finish_reason":null}]}',
  '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"get_time","arguments":"{}"}}]},"logprobs":null,"finish_reason":null}]}',
  '{"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"tool_calls"}]}',
  "[DONE]",
];

describe("an answer that calls tools", () => {
  it("joins the pieces of each call", () => {
    const answer = taken(recordedCall);
    expect(answer.finishReason).toBe("tool_calls");
    expect(answer.firstTokenMs).toBe(100);
    expect(answer.toolCalls).toEqual([
      {
        id: "call_DdmO9pD3xa9XTPNJ32zg2hcA",
        type: "function",
        function: { name: "get_weather", arguments: '{"city":"Paris"}' },
      },
      { id: "call_2", type: "function", function: { name: "get_time", arguments: "{}" } },
    ]);
  });
});
