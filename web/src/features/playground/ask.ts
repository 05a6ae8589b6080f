import { expectOk, hubFetch } from "@/api/client";
import { ApiError, messageOf } from "@/api/errors";
import { readSse } from "@/api/sse";
import { endOfStream, fail, isSettled, stop, takeData, type Answer } from "./answer";

/**
 * Sends an answer's request and follows its stream; `onChange` gets every state on the way. Never throws: what went
 * wrong is in the answer that it returns, which is settled.
 */
export async function ask(
  asked: Answer,
  signal: AbortSignal,
  onChange: (answer: Answer) => void,
): Promise<Answer> {
  const began = performance.now();
  let answer = asked;
  try {
    const response = await expectOk(
      await hubFetch("/v1/chat/completions", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(answer.request),
        signal,
      }),
    );
    answer = { ...answer, requestId: response.headers.get("X-Request-Id") };
    if (!response.body) return endOfStream(answer);
    for await (const { data } of readSse(response.body)) {
      answer = takeData(answer, data, performance.now() - began);
      if (isSettled(answer)) return answer;
      onChange(answer);
    }
    return endOfStream(answer);
  } catch (error) {
    if (signal.aborted) return stop(answer);
    return fail(answer, {
      message: messageOf(error),
      code: error instanceof ApiError ? error.code : null,
      requestId: error instanceof ApiError ? error.requestId : null,
    });
  }
}
