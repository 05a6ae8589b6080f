import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { hubFetch } from "./client";
import { dismissKeyDialog, keyIsWanted, setApiKey } from "./key";

/** Calls of the hub wait here until they are answered. */
let answer: (status: number) => void;

beforeEach(() => {
  vi.stubGlobal(
    "fetch",
    vi.fn(
      () =>
        new Promise<Response>((resolve) => {
          answer = (status) => resolve(new Response(null, { status }));
        }),
    ),
  );
});

afterEach(() => {
  vi.unstubAllGlobals();
  setApiKey(null);
});

const address = "http://hub.test/models";

describe("the key dialog", () => {
  it("opens when the hub refuses a call", async () => {
    const call = hubFetch(address);
    answer(401);
    await call;
    expect(keyIsWanted()).toBe(true);
    dismissKeyDialog();
    expect(keyIsWanted()).toBe(false);
  });

  it("stays closed when another key was set before the refusal of the former one came", async () => {
    setApiKey("mh-former");
    const call = hubFetch(address);
    setApiKey("mh-new");
    answer(401);
    await call;
    expect(keyIsWanted()).toBe(false);
  });

  it("opens again when the new key is refused, too", async () => {
    setApiKey("mh-new");
    const call = hubFetch(address);
    answer(401);
    await call;
    expect(keyIsWanted()).toBe(true);
  });

  it("stays closed after any other error", async () => {
    const call = hubFetch(address);
    answer(403);
    await call;
    expect(keyIsWanted()).toBe(false);
  });
});
