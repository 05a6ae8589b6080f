// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { currentTheme, followSystemTheme, setTheme } from "./theme";

let dark = false;
let listener: (() => void) | null = null;

beforeEach(() => {
  dark = false;
  window.localStorage.clear();
  vi.stubGlobal("matchMedia", () => ({
    matches: dark,
    addEventListener: (_: string, added: () => void) => (listener = added),
    removeEventListener: () => (listener = null),
  }));
});

afterEach(() => vi.unstubAllGlobals());

function systemTurns(toDark: boolean): void {
  dark = toDark;
  listener?.();
}

test("a page without a choice turns with the system, until it stops following", () => {
  const stop = followSystemTheme();
  systemTurns(true);
  expect(currentTheme()).toBe("dark");
  stop();
  systemTurns(false);
  expect(currentTheme()).toBe("dark");
});

test("a choice against the system stays, one with it follows again", () => {
  const stop = followSystemTheme();
  setTheme("dark");
  systemTurns(false);
  expect(currentTheme()).toBe("dark");
  setTheme("light");
  systemTurns(true);
  expect(currentTheme()).toBe("dark");
  stop();
});
