import { describe, expect, it } from "vitest";
import type { ChatRequest } from "./chat-request";
import { curlCode, pythonCode } from "./request-code";

const request: ChatRequest = {
  model: "llama+adapter",
  messages: [{ role: "user", content: 'What\'s\n"new"?' }],
  top_k: 40,
  seed: 7,
  tools: [{ type: "function", strict: true, default: null }],
  stream: true,
  stream_options: { include_usage: true },
};
const open = { origin: "http://127.0.0.1:8000", needsKey: false };

describe("a request as code", () => {
  it("is a curl that the shell takes", () => {
    const code = curlCode(request, open);
    expect(code).toContain("curl -N http://127.0.0.1:8000/v1/chat/completions \\\n");
    expect(code).toContain(`What'\\''s\\n\\"new\\"?`);
    expect(code).not.toContain("Authorization");
    // What the shell hands to curl is the request again.
    const body = /-d '([^]*)'$/.exec(code)?.[1]?.replaceAll(`'\\''`, "'") ?? "";
    expect(JSON.parse(body)).toEqual(request);
  });

  it("is Python with what the openai package does not know by name in extra_body", () => {
    const code = pythonCode(request, open);
    expect(code).toContain("    seed=7,\n");
    expect(code).toContain('    extra_body={\n        "top_k": 40,\n    },\n');
    expect(code).toContain('"strict": True,');
    expect(code).toContain('"default": None,');
    expect(code).toContain('api_key="none"');
  });

  it("never has the key in it", () => {
    const keyed = { ...open, needsKey: true };
    expect(curlCode(request, keyed)).toContain('"Authorization: Bearer $MLX_HUB_API_KEY"');
    expect(pythonCode(request, keyed)).toContain('api_key=os.environ["MLX_HUB_API_KEY"]');
    expect(pythonCode(request, keyed)).toMatch(/^import os\n/);
  });
});
