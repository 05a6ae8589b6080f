import { describe, expect, it } from "vitest";
import { chatCapabilities, noCapabilities } from "./capabilities";
import { chatRequest, firstSettings, problemsOf, type Settings } from "./settings";

const all = { jsonSchema: true, tools: true, logprobs: true, penalties: true };
const messages = [{ role: "user" as const, content: "Hi" }];
const request = (change: Partial<Settings>, capabilities = noCapabilities) =>
  chatRequest("m", messages, { ...firstSettings, ...change }, capabilities, 7);

const full: Partial<Settings> = {
  logprobs: true,
  presencePenalty: "0.5",
  schema: '{"type":"object"}',
  tools: '[{"type":"function","function":{"name":"f"}}]',
};

describe("a request", () => {
  it("has what is set, and leaves the rest to the server", () => {
    expect(request({ topK: "40", stop: ["\n"], temperature: "" })).toEqual({
      model: "m",
      messages,
      top_k: 40,
      max_tokens: 512,
      seed: 7,
      stop: ["\n"],
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(request({ seed: "42" }).seed).toBe(42);
    expect(
      request({ templateVariables: '{"enable_thinking":false}' }).chat_template_kwargs,
    ).toEqual({
      enable_thinking: false,
    });
  });

  it("asks for nothing that the hub cannot do", () => {
    const fields = Object.keys(request(full));
    for (const field of ["logprobs", "presence_penalty", "response_format", "tools"]) {
      expect(fields).not.toContain(field);
    }
  });

  it("asks for it when the hub can", () => {
    expect(request(full, all)).toMatchObject({
      logprobs: true,
      top_logprobs: 5,
      presence_penalty: 0.5,
      response_format: {
        type: "json_schema",
        json_schema: { name: "answer", strict: true, schema: { type: "object" } },
      },
      tools: [{ type: "function", function: { name: "f" } }],
      tool_choice: "auto",
    });
    expect(request({ tools: "[]" }, all)).not.toHaveProperty("tools");
  });
});

describe("settings that cannot be sent", () => {
  const problems = (change: Partial<Settings>, capabilities = all) =>
    problemsOf({ ...firstSettings, ...change }, capabilities);

  it("are found by field", () => {
    expect(problems({})).toEqual({});
    expect(problems({ temperature: "3" }).temperature).toBe("A number from 0 to 2");
    expect(problems({ topK: "1.5" }).topK).toBe("A whole number, 0 or more");
    expect(problems({ seed: "abc" }).seed).toBe("A whole number");
    expect(problems({ maxTokens: "0" }).maxTokens).toBeDefined();
    expect(problems({ stop: Array.from({ length: 17 }, (_, i) => `${i}`) }).stop).toBeDefined();
    expect(problems({ schema: "[1]" }).schema).toContain("object");
    expect(problems({ schema: "{" }).schema).toBeDefined();
    expect(problems({ tools: "{}" }).tools).toContain("array");
    expect(problems({ tools: '[{"type":"function"}]' }).tools).toContain("Tool 1");
    expect(problems({ templateVariables: "1" }).templateVariables).toContain("object");
  });

  it("do not matter where they are not sent", () => {
    expect(problems({ schema: "{", tools: "{", presencePenalty: "9" }, noCapabilities)).toEqual({});
  });
});

describe("capabilities", () => {
  it("are those that the hub names as true", () => {
    expect(chatCapabilities({ chat: true, json_schema: true, tools: false })).toEqual({
      jsonSchema: true,
      tools: false,
      logprobs: false,
      penalties: false,
    });
  });
});
