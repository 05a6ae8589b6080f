// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { copyText } from "./copy-text";

afterEach(() => {
  vi.unstubAllGlobals();
  Reflect.deleteProperty(document, "execCommand");
});

test("a secure page copies by its clipboard", async () => {
  const writeText = vi.fn(() => Promise.resolve());
  vi.stubGlobal("navigator", { clipboard: { writeText } });
  await copyText("words");
  expect(writeText).toHaveBeenCalledWith("words");
});

test("a page without a clipboard copies by the old command", async () => {
  vi.stubGlobal("navigator", {});
  const setData = vi.fn();
  Object.assign(document, {
    execCommand: () => {
      document.dispatchEvent(Object.assign(new Event("copy"), { clipboardData: { setData } }));
      return true;
    },
  });
  await copyText("words");
  expect(setData).toHaveBeenCalledWith("text/plain", "words");
});

test("a refusal is told", async () => {
  vi.stubGlobal("navigator", {});
  Object.assign(document, { execCommand: () => false });
  await expect(copyText("words")).rejects.toThrow("does not let");
});
