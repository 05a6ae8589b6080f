import { describe, expect, it } from "vitest";
import { newAnswer, type Answer } from "./answer";
import {
  addColumn,
  addTurn,
  chatRow,
  deleteTurn,
  editTurn,
  forgetAnswers,
  messagesFor,
  newConversation,
  nextUnanswered,
  putAnswer,
  putResults,
  removeColumn,
  titleOf,
  type Conversation,
} from "./conversation";
import { firstSettings } from "./settings";

const settings = { ...firstSettings, system: "Be brief." };

const answered = (id: string, text: string, change: Partial<Answer> = {}): Answer => ({
  ...newAnswer(
    id,
    { model: "m", messages: [], stream: true, stream_options: { include_usage: true } },
    false,
  ),
  state: "done",
  text,
  ...change,
});

const talk = (): Conversation => {
  let one = newConversation("c", ["base", "base+adapter"], settings);
  one = addTurn(one, "t1", "Capital of France?");
  one = putAnswer(one, "t1", "1", answered("a1", "Paris."));
  one = putAnswer(one, "t1", "2", answered("b1", "It is Paris."));
  return addTurn(one, "t2", "And of Spain?");
};

describe("a conversation", () => {
  it("sends each column its own answers", () => {
    expect(messagesFor(talk(), "2", "t2")).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Capital of France?" },
      { role: "assistant", content: "It is Paris." },
      { role: "user", content: "And of Spain?" },
    ]);
    expect(messagesFor(talk(), "1", "t1")).toHaveLength(3);
  });

  it("leaves out what failed and what was stopped before a word", () => {
    let one = talk();
    one = putAnswer(one, "t2", "1", answered("a2", "Mad", { state: "failed" }));
    one = addTurn(one, "t3", "Well?");
    expect(messagesFor(one, "1", "t3").map(({ role }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "user",
      "user",
    ]);
    one = putAnswer(one, "t2", "1", answered("a2", "", { state: "stopped" }));
    expect(messagesFor(one, "1", "t3")).toHaveLength(5);
    one = putAnswer(one, "t2", "1", answered("a2", ""));
    expect(messagesFor(one, "1", "t3")).toHaveLength(6);
  });

  it("asks a column first for what it has not answered, in order", () => {
    let one = addColumn(talk(), "other");
    expect(nextUnanswered(one, "3")?.id).toBe("t1");
    expect(nextUnanswered(one, "1")?.id).toBe("t2");
    one = putAnswer(one, "t2", "1", answered("a2", "", { state: "waiting" }));
    expect(nextUnanswered(one, "1")).toBeNull();
    one = putAnswer(one, "t2", "1", answered("a2", "", { state: "failed" }));
    expect(nextUnanswered(one, "1")?.id).toBe("t2");
    one = putAnswer(one, "t2", "1", answered("a3", "Madrid."));
    expect(nextUnanswered(one, "1")).toBeNull();
    expect(one.turns[1]?.answers["1"]?.map(({ id }) => id)).toEqual(["a3"]);
  });

  it("forgets answers from a turn on in one column", () => {
    const one = forgetAnswers(talk(), "1", "t1");
    expect(one.turns[0]?.answers).toHaveProperty("2");
    expect(one.turns[0]?.answers).not.toHaveProperty("1");
  });

  it("drops what followed an edited message, and only the message that is deleted", () => {
    const edited = editTurn(talk(), "t1", "Capital of Italy?");
    expect(edited.turns).toEqual([{ id: "t1", text: "Capital of Italy?", answers: {} }]);
    expect(deleteTurn(talk(), "t1").turns.map(({ id }) => id)).toEqual(["t2"]);
  });

  it("has at most three columns, and forgets one that is removed", () => {
    const three = addColumn(talk(), "third");
    expect(addColumn(three, "fourth").columns).toHaveLength(3);
    const two = removeColumn(three, "1");
    expect(two.columns.map(({ id }) => id)).toEqual(["2", "3"]);
    expect(two.turns[0]?.answers).not.toHaveProperty("1");
    expect(addColumn(two, "again").columns.at(-1)).toEqual({ id: "1", model: "again" });
  });

  it("is named by its first words", () => {
    expect(titleOf(talk())).toBe("Capital of France?");
    expect(titleOf(newConversation("c", ["m"], settings))).toBe("New conversation");
    const long = addTurn(newConversation("c", ["m"], settings), "t", "word ".repeat(40));
    expect(titleOf(long)).toBe(`${"word ".repeat(12).trim()}…`);
  });
});

describe("tools in a conversation", () => {
  const calls = [
    { id: "c1", type: "function" as const, function: { name: "weather", arguments: "{}" } },
  ];
  const called = putAnswer(talk(), "t2", "1", answered("a2", "", { toolCalls: calls }));

  it("go on when their results are there", () => {
    expect(nextUnanswered(called, "1")).toBeNull();
    const given = putResults(called, "a2", ["sunny"]);
    expect(nextUnanswered(given, "1")?.id).toBe("t2");
    expect(messagesFor(given, "1", "t2").slice(-2)).toEqual([
      { role: "assistant", content: null, tool_calls: calls },
      { role: "tool", tool_call_id: "c1", content: "sunny" },
    ]);
    const whole = putAnswer(given, "t2", "1", answered("a3", "It is sunny."));
    expect(nextUnanswered(whole, "1")).toBeNull();
    expect(whole.turns[1]?.answers["1"]).toHaveLength(2);
  });

  it("are not mentioned to the model without results", () => {
    const one = addTurn(called, "t3", "Never mind.");
    expect(messagesFor(one, "1", "t3").at(-2)).toEqual({ role: "assistant", content: "" });
  });
});

describe("a row of a data set", () => {
  it("holds what a column answered", () => {
    const row = chatRow(talk(), "1");
    expect(row).toEqual({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Capital of France?" },
        { role: "assistant", content: "Paris." },
      ],
    });
  });

  it("is not made of nothing", () => {
    expect(chatRow(newConversation("c", ["m"], settings), "1")).toBeNull();
    expect(chatRow(addColumn(talk(), "third"), "3")).toBeNull();
  });
});
