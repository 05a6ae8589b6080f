import { expect, it } from "vitest";
import { readTags, writeTags } from "./tag-text";

it("comes back as it went", () => {
  const tags = { task: "chat", draft: "", url: "http://host:8000/a" };
  expect(readTags(writeTags(tags))).toEqual(tags);
});

it("takes lines, spaces and empty parts as people type them", () => {
  expect(readTags("  a ,, b:1\nc : two words ,:lost")).toEqual({ a: "", b: "1", c: "two words" });
  expect(readTags("")).toEqual({});
});
