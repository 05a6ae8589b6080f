import { afterEach, describe, expect, it, vi } from "vitest";
import { newAnswer, type Answer } from "./answer";
import { ask } from "./ask";

const answer = newAnswer(
  "a",
  { model: "m", messages: [], stream: true, stream_options: { include_usage: true } },
  false,
);

const streamed = (...data: string[]): Response =>
  new Response(data.map((one) => `data: ${one}\n\n`).join(""), {
    headers: { "Content-Type": "text/event-stream", "X-Request-Id": "0199" },
  });

const said = (content: string): string => JSON.stringify({ choices: [{ delta: { content } }] });

function answerWith(response: Response | Error): void {
  vi.stubGlobal("fetch", () =>
    response instanceof Error ? Promise.reject(response) : Promise.resolve(response),
  );
  // Paths alone are addresses only in a page.
  vi.stubGlobal(
    "Request",
    class extends Request {
      constructor(input: RequestInfo | URL, init?: RequestInit) {
        super(typeof input === "string" ? new URL(input, "http://hub") : input, {
          ...init,
          signal: null,
        });
        Object.defineProperty(this, "signal", {
          value: init?.signal ?? new AbortController().signal,
        });
      }
    },
  );
}

afterEach(() => vi.unstubAllGlobals());

describe("ask", () => {
  it("follows the stream to its end", async () => {
    answerWith(streamed(said("Good"), said(" day"), "[DONE]"));
    const seen: Answer[] = [];
    const whole = await ask(answer, new AbortController().signal, (one) => seen.push(one));
    expect(seen.map(({ text }) => text)).toEqual(["Good", "Good day"]);
    expect(whole).toMatchObject({ state: "done", text: "Good day", requestId: "0199" });
  });

  it("says what the hub refused, with the request's id", async () => {
    answerWith(
      Response.json(
        { error: { message: "the model 'm' does not exist", code: "model_not_found" } },
        { status: 404, headers: { "X-Request-Id": "01aa" } },
      ),
    );
    const failed = await ask(answer, new AbortController().signal, () => undefined);
    expect(failed).toMatchObject({
      state: "failed",
      error: {
        message: "the model 'm' does not exist",
        code: "model_not_found",
        requestId: "01aa",
      },
    });
  });

  it("says that the hub is away", async () => {
    answerWith(new TypeError("Failed to fetch"));
    const failed = await ask(answer, new AbortController().signal, () => undefined);
    expect(failed.error?.message).toContain("does not answer");
  });

  it("is stopped when the user aborts", async () => {
    const abort = new AbortController();
    abort.abort();
    answerWith(new DOMException("aborted", "AbortError"));
    expect((await ask(answer, abort.signal, () => undefined)).state).toBe("stopped");
  });
});
