import { describe, expect, it } from "vitest";
import { readTokenCounts, remember, tokenRates } from "./token-counts";

const text = `# HELP mlx_hub_engine_tokens_total Tokens that went through the model, by phase
# TYPE mlx_hub_engine_tokens_total counter
mlx_hub_engine_tokens_total{gen_ai_request_model="smollm2",phase="decode"} 120
mlx_hub_engine_tokens_total{gen_ai_request_model="smollm2",phase="prefill"} 4000
mlx_hub_engine_tokens_total{phase="decode",gen_ai_request_model="a \\"quoted}\\" one"} 7 1700000000000
mlx_hub_engine_tokens_total_other{gen_ai_request_model="no",phase="decode"} 1
mlx_hub_engine_steps_total{gen_ai_request_model="smollm2"} 99
`;

describe("readTokenCounts", () => {
  it("takes the generated tokens only, whatever the order of labels", () => {
    expect(readTokenCounts(text, 5)).toEqual({
      atMs: 5,
      byModel: { smollm2: 120, 'a "quoted}" one': 7 },
    });
  });

  it("finds nothing in other text", () => {
    expect(readTokenCounts("not metrics", 0).byModel).toEqual({});
  });
});

describe("tokenRates", () => {
  const counted = (atMs: number, a: number) => ({ atMs, byModel: { a } });

  it("is the difference over the window", () => {
    expect(tokenRates([counted(0, 10), counted(2000, 50), counted(4000, 130)])).toEqual({ a: 30 });
  });

  it("tells nothing of one look, and nothing when the counter began anew", () => {
    expect(tokenRates([counted(0, 10)])).toEqual({});
    expect(tokenRates([counted(0, 100), counted(2000, 10)])).toEqual({});
  });

  it("begins where a model was first counted", () => {
    expect(tokenRates([{ atMs: 0, byModel: {} }, counted(1000, 0), counted(3000, 20)])).toEqual({
      a: 10,
    });
  });

  it("forgets what is older than the window", () => {
    const history = [counted(0, 0), counted(6000, 60), counted(12_000, 60)].reduce(remember, []);
    expect(history.map((one) => one.atMs)).toEqual([6000, 12_000]);
    expect(tokenRates(history)).toEqual({ a: 0 });
  });
});
