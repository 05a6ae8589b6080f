import { memo, type ReactNode } from "react";
import { CopyButton } from "@/components/ui/copy-button";
import { parseMarkdown, type Block, type Inline } from "./markdown";

/** A model's words as it meant them. While they come in, only the last block is drawn anew. */
export function MarkdownView({ text }: { text: string }) {
  return (
    <div className="space-y-3 text-sm leading-relaxed break-words">
      {parseMarkdown(text).map((block, index) => (
        <BlockView key={index} block={block} />
      ))}
    </div>
  );
}

const BlockView = memo(
  ({ block }: { block: Block }) => drawBlock(block),
  (before, after) => JSON.stringify(before.block) === JSON.stringify(after.block),
);
BlockView.displayName = "BlockView";

function drawBlock(block: Block): ReactNode {
  switch (block.type) {
    case "code":
      return <CodeBlock language={block.language} text={block.text} />;
    case "heading":
      // Not a heading of the page: that has an order of its own.
      return (
        <p className={block.level <= 2 ? "text-base font-semibold" : "font-semibold"}>
          {drawAll(block.children)}
        </p>
      );
    case "paragraph":
      return <p className="whitespace-pre-wrap">{drawAll(block.children)}</p>;
    case "quote":
      return (
        <blockquote className="space-y-2 border-l-2 border-line-strong pl-3 text-ink-soft">
          {drawBlocks(block.blocks)}
        </blockquote>
      );
    case "list":
      return block.start === null ? (
        <ul className="list-disc space-y-1 pl-5">{drawItems(block.items)}</ul>
      ) : (
        <ol start={block.start} className="list-decimal space-y-1 pl-6">
          {drawItems(block.items)}
        </ol>
      );
    case "table":
      return <TableBlock head={block.head} rows={block.rows} />;
    case "rule":
      return <hr className="border-line" />;
  }
}

const drawBlocks = (blocks: Block[]): ReactNode =>
  blocks.map((block, index) => <BlockView key={index} block={block} />);

const drawItems = (items: Block[][]): ReactNode =>
  items.map((blocks, index) => (
    <li key={index} className="space-y-1">
      {drawBlocks(blocks)}
    </li>
  ));

const drawAll = (inlines: Inline[]): ReactNode =>
  inlines.map((inline, index) => <InlineView key={index} inline={inline} />);

function InlineView({ inline }: { inline: Inline }): ReactNode {
  if (typeof inline === "string") return inline;
  switch (inline.type) {
    case "code":
      return (
        <code className="rounded bg-sunken px-1 py-0.5 font-mono text-[0.92em]">{inline.text}</code>
      );
    case "strong":
      return <strong className="font-semibold">{drawAll(inline.children)}</strong>;
    case "emphasis":
      return <em>{drawAll(inline.children)}</em>;
    case "deleted":
      return <del>{drawAll(inline.children)}</del>;
    case "link":
      return (
        <a
          href={inline.href}
          target="_blank"
          rel="noreferrer noopener nofollow"
          className="text-accent-strong underline underline-offset-2"
        >
          {drawAll(inline.children)}
        </a>
      );
  }
}

export function CodeBlock({ language, text }: { language: string; text: string }) {
  const name = language === "" ? "Code" : language;
  return (
    <figure className="overflow-hidden rounded-lg border border-line bg-sunken">
      <figcaption className="flex items-center justify-between border-b border-line pr-1 pl-3 text-xs text-ink-faint">
        {name}
        <CopyButton text={text} what="Copy the code" />
      </figcaption>
      {/* What scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} role="region" aria-label={name} className="overflow-x-auto p-3 text-xs">
        <code className="font-mono">{text}</code>
      </pre>
    </figure>
  );
}

function TableBlock({ head, rows }: { head: Inline[][]; rows: Inline[][][] }) {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div tabIndex={0} role="region" aria-label="Table" className="overflow-x-auto">
      <table className="border-collapse text-left">
        <thead>
          <tr>
            {head.map((cell, index) => (
              <th key={index} scope="col" className="border border-line px-2 py-1 font-semibold">
                {drawAll(cell)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} className="border border-line px-2 py-1">
                  {drawAll(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
