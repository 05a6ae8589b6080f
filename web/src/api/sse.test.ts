import { describe, expect, it } from "vitest";
import { readSse, type SseMessage } from "./sse";

async function messages(chunks: string[]): Promise<SseMessage[]> {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
  const all: SseMessage[] = [];
  for await (const message of readSse(body)) all.push(message);
  return all;
}

describe("readSse", () => {
  it("reads id, event and data", async () => {
    expect(await messages(['id: 7\nevent: job.metric\ndata: {"a":1}\n\n'])).toEqual([
      { id: "7", event: "job.metric", data: '{"a":1}' },
    ]);
  });

  it("joins data lines and ignores comments and events without data", async () => {
    expect(await messages([": connected\n\n", "data: a\ndata: b\n\n"])).toEqual([
      { id: "", event: "message", data: "a\nb" },
    ]);
  });

  it("does not care where chunks are cut, not even inside CRLF or a letter", async () => {
    const text = "id: 1\r\ndata: größe\r\n\r\ndata: zwei\r\n\r\n";
    const bytes = new TextEncoder().encode(text);
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    });
    const all: SseMessage[] = [];
    for await (const message of readSse(body)) all.push(message);
    expect(all.map((one) => one.data)).toEqual(["größe", "zwei"]);
  });

  it("drops a message that was cut off", async () => {
    expect(await messages(["data: whole\n\ndata: half"])).toHaveLength(1);
  });
});
