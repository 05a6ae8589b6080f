/** One server-sent event. */
export interface SseMessage {
  id: string;
  event: string;
  data: string;
}

/**
 * Reads server-sent events (HTML standard, section 9.2) from an answer's body, as `fetch` gives it; an EventSource
 * could not send an API key. Ends when the body ends; throws when the connection breaks.
 */
export async function* readSse(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<SseMessage> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let message: SseMessage = { id: "", event: "message", data: "" };
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      // A CR at the end may be half of a CRLF: it waits for what follows.
      const text = rest + value;
      const whole = text.endsWith("\r") ? text.slice(0, -1) : text;
      const lines = whole.split(/\r\n|\n|\r/);
      rest = (lines.pop() ?? "") + text.slice(whole.length);
      for (const line of lines) {
        if (line !== "") {
          addField(message, line);
          continue;
        }
        if (message.data !== "") yield { ...message, data: message.data.slice(0, -1) };
        message = { id: message.id, event: "message", data: "" };
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function addField(message: SseMessage, line: string): void {
  const colon = line.indexOf(":");
  if (colon === 0) return; // a comment
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
  if (name === "data") message.data += `${value}\n`;
  else if (name === "event") message.event = value;
  else if (name === "id") message.id = value;
}
