// The Markdown that language models write, read into a tree: no HTML anywhere, so nothing in it can be executed.
// Line ends inside a paragraph stay, as in a chat.

export type Inline =
  | string
  | { type: "code"; text: string }
  | { type: "strong" | "emphasis" | "deleted"; children: Inline[] }
  | { type: "link"; href: string; children: Inline[] };

export type Block =
  | { type: "code"; language: string; text: string }
  | { type: "heading"; level: number; children: Inline[] }
  | { type: "paragraph"; children: Inline[] }
  | { type: "quote"; blocks: Block[] }
  | { type: "list"; start: number | null; items: Block[][] }
  | { type: "table"; head: Inline[][]; rows: Inline[][][] }
  | { type: "rule" };

const fencePattern = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)[^`]*$/;
const headingPattern = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const rulePattern = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const itemPattern = /^( {0,3})([-*+]|\d{1,9}[.)])(?:\s+|$)/;
const quotePattern = /^ {0,3}>\s?/;
const tableRulePattern = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?\s*$/;
/** Nobody nests deeper; a text made to do so must not take the stack. */
const deepest = 8;

export function parseMarkdown(text: string, depth = 0): Block[] {
  const lines = text.split(/\r\n|\n|\r/);
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    if (line.trim() === "") {
      at += 1;
      continue;
    }
    const [block, next] = readBlock(lines, at, depth);
    blocks.push(block);
    at = next;
  }
  return blocks;
}

/** The block that begins in a line, and the line behind it. */
function readBlock(lines: string[], at: number, depth: number): [Block, number] {
  const line = lines[at] ?? "";
  const fence = fencePattern.exec(line);
  if (fence) return readCode(lines, at, fence[1] ?? "```", fence[2] ?? "");
  const heading = headingPattern.exec(line);
  if (heading) {
    const children = parseInline(heading[2] ?? "");
    return [{ type: "heading", level: heading[1]?.length ?? 1, children }, at + 1];
  }
  if (rulePattern.test(line)) return [{ type: "rule" }, at + 1];
  if (depth < deepest && quotePattern.test(line)) return readQuote(lines, at, depth);
  if (depth < deepest && itemPattern.test(line)) return readList(lines, at, depth);
  if (line.includes("|") && tableRulePattern.test(lines[at + 1] ?? "")) return readTable(lines, at);
  return readParagraph(lines, at, depth);
}

/** Up to the closing fence, or to the end: the rest may still be on its way. */
function readCode(lines: string[], at: number, fence: string, language: string): [Block, number] {
  const indent = /^ */.exec(lines[at] ?? "")?.[0].length ?? 0;
  const closes = (line: string): boolean => {
    const text = line.trim();
    return text.length >= fence.length && text === fence.charAt(0).repeat(text.length);
  };
  let end = at + 1;
  while (end < lines.length && !closes(lines[end] ?? "")) end += 1;
  const dedent = new RegExp(`^ {0,${indent}}`);
  const text = lines.slice(at + 1, end).map((line) => line.replace(dedent, ""));
  return [{ type: "code", language, text: text.join("\n") }, end + 1];
}

function readQuote(lines: string[], at: number, depth: number): [Block, number] {
  let end = at;
  while (end < lines.length && quotePattern.test(lines[end] ?? "")) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(quotePattern, ""));
  return [{ type: "quote", blocks: parseMarkdown(inner.join("\n"), depth + 1) }, end];
}

function readList(lines: string[], at: number, depth: number): [Block, number] {
  const first = itemPattern.exec(lines[at] ?? "");
  const ordered = /\d/.test(first?.[2] ?? "");
  const start = ordered ? Number.parseInt(first?.[2] ?? "1", 10) : null;
  const items: string[][] = [];
  let width = 0;
  let end = at;
  for (; end < lines.length; end += 1) {
    const line = lines[end] ?? "";
    const indent = /^ */.exec(line)?.[0].length ?? 0;
    const item = itemPattern.exec(line);
    const item0 = items.at(-1);
    const isNested = item0 !== undefined && indent >= Math.min(width, 2) && line.trim() !== "";
    if (item && !isNested && !rulePattern.test(line)) {
      if (/\d/.test(item[2] ?? "") !== ordered) break;
      width = item[0].length;
      items.push([line.slice(width)]);
    } else if (item0 && (line.trim() === "" || isNested)) {
      item0.push(line.slice(Math.min(indent, width)));
    } else if (item0 && lines[end - 1]?.trim() !== "" && !beginsBlock(line)) {
      item0.push(line); // a paragraph's next line, lazily not indented
    } else break;
  }
  const blocks = items.map((item) => parseMarkdown(item.join("\n"), depth + 1));
  return [{ type: "list", start, items: blocks }, end];
}

function readTable(lines: string[], at: number): [Block, number] {
  let end = at + 2;
  while (end < lines.length && (lines[end] ?? "").includes("|")) end += 1;
  const head = cells(lines[at] ?? "");
  const rows = lines
    .slice(at + 2, end)
    .map((line) => cells(line))
    .map((row) => head.map((_, column) => row[column] ?? []));
  return [{ type: "table", head, rows }, end];
}

function cells(line: string): Inline[][] {
  const inner = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => parseInline(cell.trim().replaceAll("\\|", "|")));
}

const beginsBlock = (line: string): boolean =>
  [fencePattern, headingPattern, rulePattern, quotePattern, itemPattern].some((pattern) =>
    pattern.test(line),
  );

function readParagraph(lines: string[], at: number, depth: number): [Block, number] {
  let end = at + 1;
  while (end < lines.length) {
    const line = lines[end] ?? "";
    if (line.trim() === "" || (depth < deepest && beginsBlock(line))) break;
    if (line.includes("|") && tableRulePattern.test(lines[end + 1] ?? "")) break;
    end += 1;
  }
  const text = lines.slice(at, end).map((line) => line.trim());
  return [{ type: "paragraph", children: parseInline(text.join("\n")) }, end];
}

// Tried at each character that can begin something; the first that fits is taken. What they look through has an end,
// so that a model that repeats an opening mark for ever costs no more than a long text.
const escapePattern = /\\([\\`*_{}[\]()#+\-.!~|>])/y;
const codePattern = /(`+)(?!`)([^]{0,2000}?[^`])\1(?!`)/y;
const strongPattern = /(\*\*|__)(?=\S)([^]{0,500}?[^\s\\])\1/y;
const emphasisPattern =
  /(?:\*(?=[^\s*])([^*]*?[^\s*\\])\*(?!\*)|(?<![\p{L}\p{N}])_(?=[^\s_])([^_]*?[^\s_\\])_(?![\p{L}\p{N}]))/uy;
const deletedPattern = /~~(?=\S)([^~]*?\S)~~/y;
const linkPattern =
  /\[([^\]]{1,500})\]\((https?:\/\/[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)(?:\s+"[^"]*")?\)/y;
const addressPattern = /https?:\/\/[^\s<>()[\]]*[^\s<>()[\].,;:!?'"*_]/y;

export function parseInline(text: string, depth = 0): Inline[] {
  const parts: Inline[] = [];
  let plain = "";
  const flush = (): void => {
    if (plain !== "") parts.push(plain);
    plain = "";
  };
  let at = 0;
  while (at < text.length) {
    const found = depth < deepest ? readInline(text, at, depth) : null;
    if (!found) {
      plain += text.charAt(at);
      at += 1;
    } else if (typeof found.inline === "string") {
      plain += found.inline;
      at = found.end;
    } else {
      flush();
      parts.push(found.inline);
      at = found.end;
    }
  }
  flush();
  return parts;
}

function readInline(
  text: string,
  at: number,
  depth: number,
): { inline: Inline; end: number } | null {
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  const nested = (inner = ""): Inline[] => parseInline(inner, depth + 1);
  const taken = (inline: Inline, { 0: whole }: RegExpExecArray) => ({
    inline,
    end: at + whole.length,
  });
  let found: RegExpExecArray | null;
  switch (text.charAt(at)) {
    case "\\":
      return (found = match(escapePattern)) && taken(found[1] ?? "", found);
    case "`":
      return (found = match(codePattern)) && taken(codeSpan(found[2] ?? ""), found);
    case "*":
    case "_":
      if ((found = match(strongPattern))) {
        return taken({ type: "strong", children: nested(found[2]) }, found);
      }
      found = match(emphasisPattern);
      return found && taken({ type: "emphasis", children: nested(found[1] ?? found[2]) }, found);
    case "~":
      found = match(deletedPattern);
      return found && taken({ type: "deleted", children: nested(found[1]) }, found);
    case "[":
      found = match(linkPattern);
      return (
        found && taken({ type: "link", href: found[2] ?? "", children: nested(found[1]) }, found)
      );
    case "h":
      found = match(addressPattern);
      return found && taken({ type: "link", href: found[0], children: [found[0]] }, found);
    default:
      return null;
  }
}

/** One space at both ends only keeps the backticks apart. */
const codeSpan = (text: string): Inline => ({
  type: "code",
  text: /^ .*\S.* $/s.test(text) ? text.slice(1, -1) : text,
});
