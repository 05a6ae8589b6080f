import type { Page, Route } from "@playwright/test";
import { expect, test } from "./hub";

const model = "smollm2-135m-instruct";
/** The first answer of a hub waits for the model to be loaded. */
const loadLimitMs = 60_000;

interface Sent {
  model: string;
  seed: number;
  messages: { role: string; content: string | null }[];
  [field: string]: unknown;
}

/** Opens the page, and gathers what it sends. */
async function open(page: Page, query = `?model=${model}`): Promise<Sent[]> {
  const sent: Sent[] = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/v1/chat/completions")) sent.push(request.postDataJSON() as Sent);
  });
  await page.goto(`/ui/playground/${query}`);
  return sent;
}

const message = (page: Page) => page.getByRole("textbox", { name: "Message", exact: true });

async function say(page: Page, text: string): Promise<void> {
  await message(page).fill(text);
  await message(page).press("Enter");
}

const said = (content: string, logprobs: object | null = null): object => ({
  choices: [{ index: 0, delta: { content }, logprobs, finish_reason: null }],
});
const ended = (reason: string): object => ({
  choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: reason }],
});

/** A stream as a hub that can more would send it. */
async function stream(route: Route, ...data: (object | "[DONE]")[]): Promise<void> {
  await route.fulfill({
    contentType: "text/event-stream",
    headers: { "X-Request-Id": "01990000-0000-7000-8000-000000000001" },
    body: data
      .map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`)
      .join(""),
  });
}

/** As if the hub could do this, or could not. */
async function grant(page: Page, capabilities: Record<string, boolean>): Promise<void> {
  await page.route("**/system", async (route) => {
    const response = await route.fetch();
    const system = (await response.json()) as { capabilities: object };
    await route.fulfill({
      response,
      json: { ...system, capabilities: { ...system.capabilities, ...capabilities } },
    });
  });
}

test("an answer streams in, tells its figures, and is there after a reload", async ({ page }) => {
  const sent = await open(page);
  await page.getByLabel("Temperature", { exact: true }).fill("0");
  await page.getByLabel("System prompt").fill("Answer in one sentence.");
  await say(page, "What is the capital of France?");
  const answer = page.getByRole("article", { name: `Answer of ${model}` });
  await expect(answer).toContainText("finish", { timeout: loadLimitMs });
  await expect(answer).toContainText("Paris");
  await expect(answer).toContainText("TTFT");
  await expect(answer).toContainText("stop");
  expect(sent[0]).toMatchObject({
    model,
    temperature: 0,
    max_tokens: 512,
    stream_options: { include_usage: true },
    messages: [
      { role: "system", content: "Answer in one sentence." },
      { role: "user", content: "What is the capital of France?" },
    ],
  });
  expect(page.url()).not.toContain("model=");

  await page.reload();
  await expect(answer).toContainText("Paris");
  await page.getByRole("button", { name: "Request as code" }).click();
  await page.getByRole("tab", { name: "JSON" }).click();
  const shown = await page.getByRole("region", { name: "Code" }).innerText();
  expect(JSON.parse(shown)).toEqual(sent[0]);
});

test("two models answer side by side with the same seed", async ({ page }) => {
  const sent = await open(page, `?a=${model}&b=${model}:1`);
  await page.getByLabel("Most tokens").fill("12");
  await say(page, "Name a colour.");
  const texts = page.getByRole("article");
  await expect(texts).toHaveCount(2);
  await expect(page.getByRole("button", { name: "Answer again" })).toHaveCount(2);
  expect(sent.map((one) => one.model).sort()).toEqual([model, `${model}:1`]);
  expect(sent[0]?.seed).toBe(sent[1]?.seed);
  // The same model, the same seed: the same answer.
  const [one, other] = await texts.locator("p.whitespace-pre-wrap").allInnerTexts();
  expect(one).toBe(other);
});

test("an answer can be stopped, edited and deleted", async ({ page }) => {
  await page.route("**/v1/chat/completions", (route) => {
    // Whatever is drawn, the answer does not end before it is stopped.
    const endless = { ...(route.request().postDataJSON() as Sent), ignore_eos: true };
    return route.continue({ postData: JSON.stringify(endless) });
  });
  const sent = await open(page);
  await say(page, "Count from one to three hundred in words.");
  await expect(page.getByRole("article").locator("p.whitespace-pre-wrap").first()).toBeVisible({
    timeout: loadLimitMs,
  });
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await expect(page.getByText("stopped by you")).toBeVisible();

  await page.getByRole("button", { name: "Edit and send again" }).click();
  await page
    .getByRole("textbox", { name: "Your message" })
    .fill("Count from one to two hundred in words.");
  await page.getByRole("textbox", { name: "Your message" }).press("Enter");
  await expect(page.getByText("Count from one to two hundred in words.")).toBeVisible();
  await expect
    .poll(() => sent.at(-1)?.messages.at(-1)?.content)
    .toBe("Count from one to two hundred in words.");
  await page.getByRole("button", { name: "Stop", exact: true }).click();

  await page.getByRole("button", { name: "Delete this message and its answers" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByRole("article")).toHaveCount(0);
});

test("what a hub cannot do is not offered", async ({ page }) => {
  await grant(page, { tools: false });
  await open(page);
  await expect(page.getByLabel("Temperature", { exact: true })).toBeVisible();
  await expect(page.getByLabel("Presence penalty", { exact: true })).toBeVisible();
  await expect(page.getByLabel("Tools", { exact: true })).toHaveCount(0);
});

test("the model's own tokens are told, and its answer keeps to a schema", async ({ page }) => {
  await open(page);
  await page.getByLabel("Token probabilities").check();
  const schema = {
    type: "object",
    properties: { city: { type: "string", maxLength: 12 }, large: { type: "boolean" } },
    required: ["city", "large"],
    additionalProperties: false,
  };
  await page.getByLabel("JSON schema").fill(JSON.stringify(schema));
  await say(page, "Name the capital of France.");
  const tokens = page.getByRole("listbox", { name: "Tokens of the answer" });
  await expect(tokens.getByRole("option").first()).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole("article").last()).toContainText("finish", { timeout: 60_000 });
  // The schema's own words were not computed one by one.
  await expect(page.getByRole("article").last()).toContainText(/guessed\s*[1-9]\d* of \d+/);
  const words = await tokens.getByRole("option").allInnerTexts();
  await page.getByRole("button", { name: "Text", exact: true }).click();
  const answer = await page.getByRole("article").last().innerText();
  // Spaces may stand between the parts, and the view of tokens shows them as dots.
  expect(answer.replaceAll(/[\s·]/g, "")).toMatch(/\{"city":"[^"]*","large":(true|false)\}/);
  expect(words.length).toBeGreaterThan(5);
});

test("a model calls a tool, and goes on with what that gave back", async ({ page }) => {
  const sent = await open(page);
  const parameters = {
    type: "object",
    properties: { city: { type: "string", maxLength: 12 } },
    required: ["city"],
    additionalProperties: false,
  };
  const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
  await page.getByLabel("Tools", { exact: true }).fill(JSON.stringify(tools));
  await page.getByLabel("Use of tools").selectOption("required");
  await say(page, "How is the weather in Paris?");
  const result = page.getByLabel("Result of get_weather").first();
  await expect(result).toBeVisible({ timeout: loadLimitMs });
  expect(sent[0]).toMatchObject({ tools, tool_choice: "required" });
  for (const field of await page.getByLabel("Result of get_weather").all()) {
    await field.fill('{"sky":"clear"}');
  }
  await page.getByRole("button", { name: /Go on with the result/ }).click();
  await expect.poll(() => sent.length).toBe(2);
  const [called, given] = sent[1]?.messages.slice(1, 3) ?? [];
  const call = (called as { tool_calls?: { function: { name: string; arguments: string } }[] })
    .tool_calls?.[0]?.function;
  expect(call?.name).toBe("get_weather");
  expect(Object.keys(JSON.parse(call?.arguments ?? "{}") as object)).toEqual(["city"]);
  expect(given).toMatchObject({ role: "tool", content: '{"sky":"clear"}' });
});

test("a JSON schema and tools can be sent to a hub that takes them", async ({ page }) => {
  await grant(page, { json_schema: true, tools: true });
  const answers: ((route: Route) => Promise<void>)[] = [
    (route) =>
      stream(
        route,
        {
          choices: [
            {
              index: 0,
              delta: {
                role: "assistant",
                content: null,
                tool_calls: [
                  {
                    index: 0,
                    id: "call_1",
                    type: "function",
                    function: { name: "get_weather", arguments: '{"city":' },
                  },
                ],
              },
              finish_reason: null,
            },
          ],
        },
        {
          choices: [
            {
              index: 0,
              delta: { tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] },
              finish_reason: null,
            },
          ],
        },
        ended("tool_calls"),
        "[DONE]",
      ),
    (route) => stream(route, said("It is sunny."), ended("stop"), "[DONE]"),
  ];
  await page.route("**/v1/chat/completions", async (route) => {
    await answers.shift()?.(route);
  });
  const sent = await open(page);

  await page.getByLabel("JSON schema").fill("{");
  await expect(page.getByLabel("JSON schema")).toHaveAttribute("aria-invalid", "true");
  await message(page).fill("How is the weather in Paris?");
  await expect(page.getByRole("button", { name: "Send" })).toBeDisabled();
  const schema = { type: "object", properties: { sunny: { type: "boolean" } } };
  const tools = [{ type: "function", function: { name: "get_weather", parameters: {} } }];
  await page.getByLabel("JSON schema").fill(JSON.stringify(schema));
  await page.getByLabel("Tools", { exact: true }).fill(JSON.stringify(tools));
  await page.getByRole("button", { name: "Send" }).click();

  await page.getByLabel("Result of get_weather").fill('{"sky":"clear"}');
  await page.getByRole("button", { name: "Go on with the result" }).click();
  await expect(page.getByRole("article").last()).toContainText("It is sunny.");
  expect(sent[0]).toMatchObject({
    tools,
    tool_choice: "auto",
    response_format: { type: "json_schema", json_schema: { schema } },
  });
  expect(sent[1]?.messages.slice(-2)).toEqual([
    {
      role: "assistant",
      content: null,
      tool_calls: [
        {
          id: "call_1",
          type: "function",
          function: { name: "get_weather", arguments: '{"city":"Paris"}' },
        },
      ],
    },
    { role: "tool", tool_call_id: "call_1", content: '{"sky":"clear"}' },
  ]);
});

test("tokens are coloured by their probability, and told in figures", async ({ page }) => {
  await grant(page, { logprobs: true });
  const token = (text: string, logprob: number, other: string) => ({
    content: [
      {
        token: text,
        logprob,
        bytes: null,
        top_logprobs: [
          { token: text, logprob, bytes: null },
          { token: other, logprob: -3, bytes: null },
        ],
      },
    ],
  });
  await page.route("**/v1/chat/completions", (route) =>
    stream(
      route,
      said("Good", token("Good", -0.05, "Hello")),
      said(" day", token(" day", -1.2, " morning")),
      ended("stop"),
      "[DONE]",
    ),
  );
  const sent = await open(page);
  await page.getByLabel("Token probabilities").check();
  await say(page, "Greet me.");
  const tokens = page.getByRole("listbox", { name: "Tokens of the answer" });
  await expect(tokens.getByRole("option")).toHaveCount(2);
  await expect(tokens.getByRole("option").first()).toHaveAccessibleName("Good, 95.1 %");
  await tokens.focus();
  await tokens.press("ArrowRight");
  await expect(page.getByText("␣morning")).toBeVisible();
  await page.getByRole("button", { name: "Table" }).click();
  await expect(page.getByRole("cell", { name: "30.1 %" })).toBeVisible();
  await page.getByRole("button", { name: "Text", exact: true }).click();
  await expect(page.getByRole("article")).toContainText("Good day");
  expect(sent[0]).toMatchObject({ logprobs: true, top_logprobs: 5 });
});

test("an error in the middle of an answer is told with the request's id", async ({ page }) => {
  await page.route("**/v1/chat/completions", (route) =>
    stream(route, said("Once upon"), {
      error: { message: "generation failed", type: "server_error", code: "internal_error" },
    }),
  );
  await open(page);
  await say(page, "Tell me a story.");
  const answer = page.getByRole("article");
  await expect(answer).toContainText("Once upon");
  await expect(answer.getByRole("alert")).toContainText("generation failed");
  await expect(answer.getByRole("alert")).toContainText("01990000-0000-7000-8000-000000000001");
  await expect(answer.getByRole("button", { name: "Try again" })).toBeVisible();
});

test("conversations are kept, exported as a data set and deleted", async ({ page }) => {
  await page.route("**/v1/chat/completions", (route) =>
    stream(route, said("Paris."), ended("stop"), "[DONE]"),
  );
  await open(page);
  await say(page, "Capital of France?");
  await expect(page.getByRole("article")).toContainText("Paris.");
  await page.getByRole("button", { name: "New", exact: true }).click();
  await expect(page.getByRole("article")).toHaveCount(0);

  await page.getByRole("button", { name: "Conversations" }).click();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export “Capital of France?” as JSONL" }).click();
  const stored = await (await download).createReadStream();
  const chunks: Buffer[] = [];
  for await (const chunk of stored) chunks.push(chunk as Buffer);
  expect(JSON.parse(Buffer.concat(chunks).toString())).toEqual({
    messages: [
      { role: "user", content: "Capital of France?" },
      { role: "assistant", content: "Paris." },
    ],
  });

  await page.getByRole("button", { name: "Delete “Capital of France?”" }).click();
  const confirm = page.getByRole("dialog", { name: "Delete the conversation?" });
  await confirm.getByRole("button", { name: "Delete", exact: true }).click();
  await expect(page.getByText("No conversation yet")).toBeVisible();
});
