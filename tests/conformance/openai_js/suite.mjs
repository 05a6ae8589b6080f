// The official OpenAI JavaScript client against a hub: node --test suite.mjs, with HUB_URL and HUB_MODEL set.
import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const model = process.env.HUB_MODEL;
const baseURL = `${process.env.HUB_URL}/v1`;
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0, timeout: 300_000 });
const messages = [{ role: "user", content: "What is the capital of France?" }];
const greedy = { model, messages, temperature: 0, max_tokens: 32 };
const City = z.object({ name: z.string().max(20), inhabitants: z.number().int() });

test("a chat", async () => {
  const answer = await client.chat.completions.create(greedy);
  assert.match(answer.choices[0].message.content, /Paris/);
  assert.equal(answer.usage.prompt_tokens, 37);
});

test("a stream says the same", async () => {
  const whole = await client.chat.completions.create(greedy);
  const stream = await client.chat.completions.create({ ...greedy, stream: true, stream_options: { include_usage: true } });
  let text = "";
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
});

test("the client's own stream helper", async () => {
  const stream = client.chat.completions.stream(greedy);
  assert.match(await stream.finalContent(), /Paris/);
});

test("stop strings, seeds and n", async () => {
  const stopped = await client.chat.completions.create({ ...greedy, stop: "Par" });
  assert.equal(stopped.choices[0].finish_reason, "stop");
  assert.doesNotMatch(stopped.choices[0].message.content, /Par/);
  const drawn = { ...greedy, temperature: 1.5, max_tokens: 12, seed: 7 };
  const several = await client.chat.completions.create({ ...drawn, n: 2 });
  const one = await client.chat.completions.create(drawn);
  assert.equal(several.choices.length, 2);
  assert.equal(several.choices[0].message.content, one.choices[0].message.content);
});

test("logprobs", async () => {
  const answer = await client.chat.completions.create({ ...greedy, max_tokens: 4, logprobs: true, top_logprobs: 2 });
  assert.equal(answer.choices[0].logprobs.content.length, 4);
  assert.equal(answer.choices[0].logprobs.content[0].top_logprobs.length, 2);
});

test("completions: echo, and prompts in a batch", async () => {
  const answer = await client.completions.create({ model, prompt: ["One, two,", "Monday,"], echo: true, logprobs: 1, max_tokens: 1, temperature: 0 });
  assert.equal(answer.choices.length, 2);
  assert.ok(answer.choices[1].text.startsWith("Monday,"));
  assert.equal(answer.choices[0].logprobs.token_logprobs[0], null);
});

test("an answer that fits a Zod schema", async () => {
  const answer = await client.chat.completions.parse({
    ...greedy,
    messages: [{ role: "user", content: "Describe Paris." }],
    max_tokens: 200,
    response_format: zodResponseFormat(City, "city"),
  });
  assert.ok(City.safeParse(answer.choices[0].message.parsed).success);
});

test("a tool that is demanded", async () => {
  const parameters = { type: "object", properties: { city: { type: "string", maxLength: 20 } }, required: ["city"], additionalProperties: false };
  const answer = await client.chat.completions.create({
    ...greedy,
    max_tokens: 120,
    tools: [{ type: "function", function: { name: "get_weather", description: "The weather in a city", parameters } }],
    tool_choice: "required",
    parallel_tool_calls: false,
  });
  const [call] = answer.choices[0].message.tool_calls;
  assert.equal(call.function.name, "get_weather");
  assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)), ["city"]);
});

test("embeddings", async () => {
  const answer = await client.embeddings.create({ model, input: ["a", "b"] });
  assert.equal(answer.data.length, 2);
  assert.equal(answer.data[0].embedding.length, 576);
});

test("responses: whole, streamed, and gone on from", async () => {
  const asked = { model, input: messages[0].content, temperature: 0, max_output_tokens: 32 };
  const first = await client.responses.create(asked);
  assert.match(first.output_text, /Paris/);
  const stream = await client.responses.create({ ...asked, stream: true });
  const types = [];
  let text = "";
  for await (const event of stream) {
    types.push(event.type);
    text += event.type === "response.output_text.delta" ? event.delta : "";
  }
  assert.equal(types[0], "response.created");
  assert.equal(types.at(-1), "response.completed");
  assert.equal(text, first.output_text);
  const second = await client.responses.create({ model, input: "Thanks.", previous_response_id: first.id, max_output_tokens: 4 });
  assert.ok(second.usage.input_tokens > first.usage.input_tokens);
  assert.equal((await client.responses.retrieve(first.id)).output_text, first.output_text);
  await client.responses.delete(first.id);
  await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError);
});

test("responses: an answer that fits a Zod schema", async () => {
  const answer = await client.responses.parse({
    model,
    input: "Describe Paris.",
    temperature: 0,
    max_output_tokens: 200,
    text: { format: zodTextFormat(City, "city") },
  });
  assert.ok(City.safeParse(answer.output_parsed).success);
});

test("errors are the client's own", async () => {
  await assert.rejects(client.chat.completions.create({ ...greedy, model: "no-such" }), (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
  await assert.rejects(client.chat.completions.create({ ...greedy, temperature: 9 }), (error) => error instanceof OpenAI.BadRequestError && error.param === "temperature");
  const hasty = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0, timeout: 500 });
  await assert.rejects(
    hasty.completions.create({ model, prompt: "Count:", max_tokens: 5000, ignore_eos: true }),
    OpenAI.APIConnectionTimeoutError,
  );
});

test("a stream that is closed", async () => {
  const stream = await client.completions.create({ model, prompt: "Count:", max_tokens: 5000, stream: true, ignore_eos: true });
  for await (const chunk of stream) {
    assert.ok(chunk.choices);
    break; // ends the connection
  }
});

test("models", async () => {
  const names = [];
  for await (const one of client.models.list()) names.push(one.id);
  assert.ok(names.includes(model));
});
