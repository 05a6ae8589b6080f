import { beforeEach, describe, expect, it } from "vitest";
import { newAnswer } from "./answer";
import {
  addTurn,
  deleteTurn,
  messagesFor,
  newConversation,
  putAnswer,
  type Conversation,
} from "./conversation";
import {
  eraseConversation,
  pack,
  readConversations,
  unpack,
  writeConversation,
} from "./saved-conversations";
import { chatRequest, firstSettings } from "./settings";
import { noCapabilities } from "./capabilities";

/** A conversation of some turns, each answered with the turn's number. */
function talk(turns: number, id = "c"): Conversation {
  let one = newConversation(id, ["m"], { ...firstSettings, system: "Be brief." });
  for (let turn = 1; turn <= turns; turn += 1) {
    one = addTurn(one, `t${turn}`, `Question ${turn}`);
    const messages = messagesFor(one, "1", `t${turn}`);
    const request = chatRequest("m", messages, one.settings, noCapabilities, 1);
    const answer = newAnswer(`a${turn}`, request, false);
    one = putAnswer(one, `t${turn}`, "1", { ...answer, state: "done", text: `Answer ${turn}` });
  }
  return one;
}

beforeEach(() => localStorage.clear());

describe("a packed conversation", () => {
  it("comes back as it was, with every request whole", () => {
    const one = talk(4);
    expect(unpack(pack(one))).toEqual(one);
    expect(one.turns[3]?.answers["1"]?.[0]?.request.messages).toHaveLength(8);
  });

  it("keeps what was really sent when something before it is gone or the system prompt is another", () => {
    const without = deleteTurn(talk(3), "t1");
    expect(unpack(pack(without))).toEqual(without);
    const one = talk(2);
    const other = { ...one, settings: { ...one.settings, system: "Be long." } };
    expect(unpack(pack(other))).toEqual(other);
  });

  it("grows with its length, not with the square of it", () => {
    const size = (turns: number): number => pack(talk(turns)).length;
    expect(size(80)).toBeLessThan(size(40) * 2.1);
  });

  it("has neither unfinished answers nor probabilities", () => {
    const token = { token: "x", logprob: -1, alternatives: [] };
    let one = talk(2);
    const first = one.turns[0]?.answers["1"]?.[0];
    const second = one.turns[1]?.answers["1"]?.[0];
    if (!first || !second) throw new Error("no answers");
    one = putAnswer(one, "t1", "1", { ...first, tokens: [token] });
    one = putAnswer(one, "t2", "1", { ...second, state: "streaming" });
    const back = unpack(pack(one));
    expect(back?.turns[0]?.answers["1"]?.[0]?.tokens).toEqual([]);
    expect(back?.turns[1]?.answers["1"]).toEqual([]);
  });

  it("is nothing when it is something else", () => {
    expect(unpack("{")).toBeNull();
    expect(unpack("{}")).toBeNull();
    expect(unpack("null")).toBeNull();
  });
});

describe("this browser's conversations", () => {
  it("are read with the last used first, beside what else is there", () => {
    localStorage.setItem("mlx-hub-theme", "dark");
    localStorage.setItem("mlx-hub-conversation-bad", "{");
    writeConversation(localStorage, { ...talk(1, "old"), updatedAt: "2026-01-01T00:00:00.000Z" });
    writeConversation(localStorage, { ...talk(1, "new"), updatedAt: "2026-02-01T00:00:00.000Z" });
    expect(readConversations(localStorage).map(({ id }) => id)).toEqual(["new", "old"]);
    eraseConversation(localStorage, "new");
    expect(readConversations(localStorage).map(({ id }) => id)).toEqual(["old"]);
    expect(localStorage.getItem("mlx-hub-theme")).toBe("dark");
  });
});
