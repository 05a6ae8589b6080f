import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { newAnswer, type Answer } from "./answer";
import { RunningAnswers } from "./running-answers";

const answer = (id: string, text: string): Answer => ({
  ...newAnswer(
    id,
    { model: "m", messages: [], stream: true, stream_options: { include_usage: true } },
    false,
  ),
  text,
});

beforeEach(() => vi.useFakeTimers({ toFake: ["requestAnimationFrame"] }));
afterEach(() => vi.useRealTimers());

describe("answers that are being written", () => {
  it("are told of once a frame, to those who show them", () => {
    const running = new RunningAnswers();
    const one = vi.fn();
    const other = vi.fn();
    running.subscribe("1", one);
    running.subscribe("2", other);
    for (let token = 0; token < 100; token += 1) running.set(answer("1", "x".repeat(token)));
    expect(one).not.toHaveBeenCalled();
    vi.advanceTimersToNextFrame();
    expect(one).toHaveBeenCalledTimes(1);
    expect(running.get("1")?.text).toHaveLength(99);
    expect(other).not.toHaveBeenCalled();
  });

  it("are gone when they are kept elsewhere", () => {
    const running = new RunningAnswers();
    const listener = vi.fn();
    const leave = running.subscribe("1", listener);
    running.set(answer("1", "x"));
    running.remove("1");
    expect(running.get("1")).toBeUndefined();
    expect(listener).toHaveBeenCalledTimes(1);
    leave();
    running.remove("1");
    expect(listener).toHaveBeenCalledTimes(1);
  });
});
