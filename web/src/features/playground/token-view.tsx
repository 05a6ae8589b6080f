"use client";

import clsx from "clsx";
import { memo, useId, useState, type KeyboardEvent, type PointerEvent } from "react";
import { Table, Td, Th } from "@/components/ui/table";
import { formatFigure, formatNumber, formatPercent } from "@/format";
import type { TokenProbability } from "./answer";
import { bandOf, bands, perplexity, probability, visibleToken } from "./token-probability";

const runLength = 64;

/** An answer's tokens, each on the colour of its probability; the one pointed at tells what else might have come. */
export function TokenView({ tokens }: { tokens: TokenProbability[] }) {
  const base = useId();
  const [at, setAt] = useState(0);
  const last = tokens.length - 1;
  const move = (event: KeyboardEvent): void => {
    const steps: Record<string, number> = {
      ArrowRight: Math.min(at + 1, last),
      ArrowLeft: Math.max(at - 1, 0),
      Home: 0,
      End: last,
    };
    const next = steps[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setAt(next);
  };
  const point = (event: PointerEvent): void => {
    const index = event.target instanceof HTMLElement ? event.target.dataset.index : undefined;
    if (index !== undefined) setAt(Number(index));
  };
  const starts = Array.from(
    { length: Math.ceil(tokens.length / runLength) },
    (_, run) => run * runLength,
  );
  const shown = tokens[Math.min(at, last)];
  return (
    <div className="space-y-3">
      <div
        role="listbox"
        aria-label="Tokens of the answer, by arrow keys"
        aria-activedescendant={`${base}-${at}`}
        tabIndex={0}
        className="rounded-md text-sm leading-7 break-words whitespace-pre-wrap"
        onKeyDown={move}
        onPointerOver={point}
      >
        {starts.map((start) => (
          <TokenRun
            key={start}
            base={base}
            start={start}
            tokens={tokens.slice(start, start + runLength)}
            at={at >= start && at < start + runLength ? at : -1}
          />
        ))}
      </div>
      {shown && <TokenDetail token={shown} index={at} />}
      <Legend tokens={tokens} />
    </div>
  );
}

interface TokenRunProps {
  base: string;
  start: number;
  tokens: TokenProbability[];
  /** The token pointed at; -1 when it is not here. */
  at: number;
}

/** A few tokens, drawn anew only when they change: there may be thousands. */
const TokenRun = memo(
  ({ base, start, tokens, at }: TokenRunProps) =>
    tokens.map((token, offset) => {
      const index = start + offset;
      return (
        <span
          key={index}
          id={`${base}-${index}`}
          role="option"
          aria-selected={index === at}
          aria-label={`${visibleToken(token.token)}, ${formatPercent(probability(token.logprob), 1)}`}
          data-index={index}
          className={clsx(
            "rounded-xs underline-offset-4",
            bandOf(token).className,
            index === at && "outline-2 outline-ink",
          )}
        >
          {token.token.replaceAll("\n", "↵\n")}
        </span>
      );
    }),
  (before, after) =>
    before.at === after.at &&
    before.tokens.length === after.tokens.length &&
    before.tokens[0] === after.tokens[0],
);
TokenRun.displayName = "TokenRun";

function TokenDetail({ token, index }: { token: TokenProbability; index: number }) {
  return (
    <div aria-live="polite" className="rounded-lg border border-line bg-raised p-3 text-xs">
      <p>
        <span className="text-ink-faint">Token {formatNumber(index + 1)}:</span>{" "}
        <code className="font-mono">{visibleToken(token.token)}</code>{" "}
        <span className="tabular-nums">{formatPercent(probability(token.logprob), 1)}</span>
      </p>
      {token.alternatives.length > 0 && (
        <ul className="mt-2 space-y-1">
          {token.alternatives.map((other, rank) => {
            const share = probability(other.logprob);
            return (
              <li key={rank} className="grid grid-cols-[8rem_3.5rem_1fr] items-center gap-2">
                <code
                  className={clsx("truncate font-mono", other.token === token.token && "font-bold")}
                >
                  {visibleToken(other.token)}
                </code>
                <span className="text-right tabular-nums">{formatPercent(share, 1)}</span>
                <span
                  aria-hidden
                  className="h-1.5 rounded-full bg-accent"
                  style={{ width: `${share * 100}%` }}
                />
              </li>
            );
          })}
        </ul>
      )}
    </div>
  );
}

function Legend({ tokens }: { tokens: TokenProbability[] }) {
  return (
    <ul
      className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-ink-faint"
      aria-label="Legend"
    >
      {bands.map((band) => (
        <li key={band.name}>
          <span className={clsx("rounded-xs px-1 underline-offset-4", band.className)}>
            {band.name}
          </span>
        </li>
      ))}
      <li>perplexity {formatFigure(perplexity(tokens))}</li>
    </ul>
  );
}

/** The same in figures, for those who would rather read. */
export function TokenTable({ tokens }: { tokens: TokenProbability[] }) {
  return (
    <div className="max-h-96 overflow-y-auto rounded-lg border border-line">
      <Table label="Tokens of the answer">
        <thead>
          <tr>
            <Th numeric>#</Th>
            <Th>Token</Th>
            <Th numeric>Probability</Th>
            <Th>Instead</Th>
          </tr>
        </thead>
        <tbody>
          {tokens.map((token, index) => (
            <tr key={index}>
              <Td numeric>{index + 1}</Td>
              <Td>
                <code className="font-mono">{visibleToken(token.token)}</code>
              </Td>
              <Td numeric>{formatPercent(probability(token.logprob), 1)}</Td>
              <Td className="whitespace-nowrap">
                {token.alternatives
                  .filter((other) => other.token !== token.token)
                  .map(
                    (other) =>
                      `${visibleToken(other.token)} ${formatPercent(probability(other.logprob), 1)}`,
                  )
                  .join(", ")}
              </Td>
            </tr>
          ))}
        </tbody>
      </Table>
    </div>
  );
}
