import { beforeEach, describe, expect, it, vi } from "vitest";
import { stop, type Answer } from "./answer";
import type { ask } from "./ask";
import { readConversations } from "./saved-conversations";
import { Session } from "./session";

/** Requests that wait until the test answers them. */
class Models {
  readonly asked: { answer: Answer; end: (change: Partial<Answer>) => void }[] = [];

  readonly ask: typeof ask = (answer, signal) =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve(stop(answer)));
      this.asked.push({
        answer,
        end: (change) => resolve({ ...answer, state: "done", ...change }),
      });
    });

  /** Ends the request of that number, and lets what follows from it happen. */
  async end(index: number, change: Partial<Answer>): Promise<void> {
    this.asked[index]?.end(change);
    await vi.waitFor(() => Promise.resolve());
    await new Promise((resolve) => setTimeout(resolve));
  }

  messages(index: number): string[] {
    return (this.asked[index]?.answer.request.messages ?? []).map(({ content }) => content ?? "");
  }
}

let models: Models;
let session: Session;

beforeEach(() => {
  localStorage.clear();
  models = new Models();
  session = new Session(localStorage, models.ask);
  session.start(["base", "adapter"]);
});

describe("a session", () => {
  it("asks all columns the same with the same seed", () => {
    session.send("Hi");
    const [one, two] = models.asked.map(({ answer }) => answer.request);
    expect(one?.model).toBe("base");
    expect(two?.model).toBe("adapter");
    expect(one?.seed).toBe(two?.seed);
    expect(one?.messages).toEqual(two?.messages);
    expect(session.snapshot.busy.size).toBe(2);
  });

  it("keeps answers as they end, and says them once", async () => {
    session.send("Hi");
    await models.end(1, { text: "Hello" });
    expect(session.snapshot.announcement).toBe("adapter: Hello");
    expect(session.snapshot.busy.size).toBe(1);
    const [kept] = readConversations(localStorage);
    expect(kept?.turns[0]?.answers["2"]?.[0]?.text).toBe("Hello");
  });

  it("asks a column that was added for everything, one after the other", async () => {
    session.send("One");
    await models.end(0, { text: "1" });
    await models.end(1, { text: "I" });
    session.addColumn("third");
    session.send("Two");
    expect(models.asked).toHaveLength(5);
    expect(models.messages(2)).toEqual(["One", "1", "Two"]);
    expect(models.messages(4)).toEqual(["One"]);
    await models.end(4, { text: "uno" });
    expect(models.messages(5)).toEqual(["One", "uno", "Two"]);
  });

  it("does not go on after a failure, and asks again with the next message", async () => {
    session.send("One");
    await models.end(0, { state: "failed", text: "" });
    expect(models.asked).toHaveLength(2);
    session.send("Two");
    expect(models.messages(2)).toEqual(["One"]);
  });

  it("stops with what was said so far", async () => {
    session.send("One");
    session.stop();
    await models.end(0, {});
    const answers = session.snapshot.current.turns[0]?.answers;
    expect(answers?.["1"]?.[0]?.state).toBe("stopped");
    expect(session.snapshot.busy.size).toBe(0);
  });

  it("throws away an answer whose message was edited meanwhile", async () => {
    session.send("One");
    const turn = session.snapshot.current.turns[0];
    session.resend(turn?.id ?? "", "Other");
    await models.end(0, { text: "late" });
    expect(models.messages(2)).toEqual(["Other"]);
    await models.end(2, { text: "new" });
    const answers = session.snapshot.current.turns[0]?.answers["1"];
    expect(answers?.map(({ text }) => text)).toEqual(["new"]);
  });

  it("asks again for an answer and those after it", async () => {
    session.start(["base"]);
    session.send("One");
    await models.end(0, { text: "1" });
    session.send("Two");
    await models.end(1, { text: "2" });
    session.regenerate("1", session.snapshot.current.turns[0]?.id ?? "");
    await models.end(2, { text: "uno" });
    expect(models.messages(3)).toEqual(["One", "uno", "Two"]);
  });

  it("goes on in the background when another conversation is opened", async () => {
    session.send("One");
    const first = session.snapshot.current.id;
    session.start();
    expect(session.snapshot.current.turns).toEqual([]);
    await models.end(0, { text: "done there" });
    session.open(first);
    expect(session.snapshot.current.turns[0]?.answers["1"]?.[0]?.text).toBe("done there");
  });

  it("deletes a conversation for good, whatever is still on its way", async () => {
    session.send("One");
    session.erase(session.snapshot.current.id);
    await models.end(0, { text: "late" });
    expect(readConversations(localStorage)).toEqual([]);
    expect(session.snapshot.saved).toEqual([]);
    expect(session.snapshot.current.columns.map(({ model }) => model)).toEqual(["base", "adapter"]);
  });

  it("says when the browser has no room", () => {
    const full = vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    session.send("One");
    expect(session.snapshot.saveError).toBeInstanceOf(DOMException);
    expect(session.snapshot.current.turns).toHaveLength(1);
    full.mockRestore();
  });

  it("opens what was used last", () => {
    session.send("One");
    const again = new Session(localStorage, models.ask);
    expect(again.snapshot.current.turns[0]?.text).toBe("One");
  });
});
