import { describe, expect, it } from "vitest";
import { parseInline, parseMarkdown } from "./markdown";

const paragraph = (...children: unknown[]) => ({ type: "paragraph", children });

describe("blocks", () => {
  it("are paragraphs with their line ends", () => {
    expect(parseMarkdown("One\ntwo\n\nthree")).toEqual([paragraph("One\ntwo"), paragraph("three")]);
  });

  it("are headings and rules", () => {
    expect(parseMarkdown("## Title ##\ntext\n\n---")).toEqual([
      { type: "heading", level: 2, children: ["Title"] },
      paragraph("text"),
      { type: "rule" },
    ]);
    expect(parseMarkdown("#hashtag")).toEqual([paragraph("#hashtag")]);
  });

  it("are code up to the fence that closes it, in which nothing is marked", () => {
    expect(parseMarkdown("Look:\n```python\nx = **1**\n\n# no\n```\nDone")).toEqual([
      paragraph("Look:"),
      { type: "code", language: "python", text: "x = **1**\n\n# no" },
      paragraph("Done"),
    ]);
    expect(parseMarkdown("````md\n```\nx\n```\n````")).toEqual([
      { type: "code", language: "md", text: "```\nx\n```" },
    ]);
  });

  it("are code also while its end has not come", () => {
    expect(parseMarkdown("```js\nlet x")).toEqual([
      { type: "code", language: "js", text: "let x" },
    ]);
    expect(parseMarkdown("```js")).toEqual([{ type: "code", language: "js", text: "" }]);
  });

  it("are lists, one in the other, with code in them", () => {
    const [list] = parseMarkdown("1. One\n   - inner\n   - other\n2. Two\n   ```\n   code\n   ```");
    expect(list).toEqual({
      type: "list",
      start: 1,
      items: [
        [
          paragraph("One"),
          { type: "list", start: null, items: [[paragraph("inner")], [paragraph("other")]] },
        ],
        [paragraph("Two"), { type: "code", language: "", text: "code" }],
      ],
    });
  });

  it("are lists with air between their items, and end where a paragraph begins", () => {
    expect(parseMarkdown("* a\n\n* b\n\nEnd")).toEqual([
      { type: "list", start: null, items: [[paragraph("a")], [paragraph("b")]] },
      paragraph("End"),
    ]);
    expect(parseMarkdown("Steps:\n- a\n- b")).toHaveLength(2);
    expect(parseMarkdown("3) three")).toEqual([
      { type: "list", start: 3, items: [[paragraph("three")]] },
    ]);
  });

  it("are quotes and tables", () => {
    expect(parseMarkdown("> said\n> more")).toEqual([
      { type: "quote", blocks: [paragraph("said\nmore")] },
    ]);
    expect(parseMarkdown("| a | b |\n|---|:-:|\n| 1 | x \\| y |\n| 2 |\n\nend")).toEqual([
      {
        type: "table",
        head: [["a"], ["b"]],
        rows: [
          [["1"], ["x | y"]],
          [["2"], []],
        ],
      },
      paragraph("end"),
    ]);
  });

  it("do not nest for ever", () => {
    expect(() => parseMarkdown("> ".repeat(20_000))).not.toThrow();
    expect(() => parseMarkdown(`${"- ".repeat(5_000)}x`)).not.toThrow();
  });
});

describe("marks in a line", () => {
  it("are strong, emphasis, deleted and code", () => {
    expect(parseInline("a **b *c* d** ~~e~~ `f **g**` _h_")).toEqual([
      "a ",
      { type: "strong", children: ["b ", { type: "emphasis", children: ["c"] }, " d"] },
      " ",
      { type: "deleted", children: ["e"] },
      " ",
      { type: "code", text: "f **g**" },
      " ",
      { type: "emphasis", children: ["h"] },
    ]);
    expect(parseInline("`` a`b ``")).toEqual([{ type: "code", text: "a`b" }]);
  });

  it("are not there where they mean something else", () => {
    for (const text of ["2 * 3 * 4", "snake_case_name", "a ** b", "**open", "`open", "5*"]) {
      expect(parseInline(text)).toEqual([text]);
    }
    expect(parseInline("\\*not\\*")).toEqual(["*not*"]);
  });

  it("are links to the web only", () => {
    expect(parseInline("[MLX](https://example.org/a_(b)) and https://example.org/x.")).toEqual([
      { type: "link", href: "https://example.org/a_(b)", children: ["MLX"] },
      " and ",
      { type: "link", href: "https://example.org/x", children: ["https://example.org/x"] },
      ".",
    ]);
    expect(parseInline("[x](javascript:alert(1))")).toEqual(["[x](javascript:alert(1))"]);
    expect(parseInline("<b>x</b>")).toEqual(["<b>x</b>"]);
  });

  it("are left as they are where they are only opened, however often", () => {
    for (const text of ["**a ".repeat(1_000), "[".repeat(5_000), "_a ".repeat(1_000)]) {
      expect(parseInline(text)).toEqual([text]);
    }
  });
});
