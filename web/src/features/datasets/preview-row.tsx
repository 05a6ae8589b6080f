"use client";

import { TriangleAlert } from "lucide-react";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { formatNumber, formatPercent } from "@/format";
import { TokenText } from "./token-text";

type Row = Schemas["PreviewRow"];

/** More characters than this are folded: a row may be a whole book. */
const foldedCharacters = 1_200;

const lengthOf = (pieces: Row["pieces"]): number =>
  pieces.reduce((sum, piece) => sum + piece.text.length, 0);

/** One row: its line, its tokens, its text. */
export function PreviewRow({ row }: { row: Row }) {
  const { line, tokens, trained_tokens: trained, truncated, problem, rejected_pieces } = row;
  return (
    <li className="space-y-2 border-b border-line px-4 py-3 last:border-b-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-ink-faint tabular-nums">
        <h3 className="font-medium text-ink">Line {formatNumber(line)}</h3>
        <span>{formatNumber(tokens)} tokens</span>
        <span>
          {formatNumber(trained)} trained
          {rejected_pieces === null
            ? tokens > 0 && ` (${formatPercent(trained / tokens)})`
            : " in both answers"}
        </span>
        {truncated && <Badge tone="warn">cut at the end</Badge>}
      </div>
      {problem !== null && (
        <p className="flex items-start gap-2 text-sm text-warn">
          <TriangleAlert size={16} aria-hidden className="mt-0.5 shrink-0" />
          {problem}
        </p>
      )}
      {rejected_pieces === null ? (
        <Folding pieces={row.pieces} />
      ) : (
        <div className="grid gap-3 md:grid-cols-2">
          <Answer title="Chosen" pieces={row.pieces} tone="good" />
          <Answer title="Rejected" pieces={rejected_pieces} tone="bad" />
        </div>
      )}
    </li>
  );
}

interface AnswerProps {
  title: string;
  pieces: Row["pieces"];
  tone: "good" | "bad";
}

function Answer({ title, pieces, tone }: AnswerProps) {
  return (
    <div className="min-w-0 rounded-lg border border-line p-3">
      <h4 className="mb-1">
        <Badge tone={tone}>{title}</Badge>
      </h4>
      <Folding pieces={pieces} />
    </div>
  );
}

function Folding({ pieces }: { pieces: Row["pieces"] }) {
  const long = lengthOf(pieces) > foldedCharacters;
  const [open, setOpen] = useState(!long);
  if (pieces.length === 0) return null;
  return (
    <div>
      <div className={open ? undefined : "max-h-48 overflow-hidden"}>
        <TokenText pieces={pieces} />
      </div>
      {long && (
        <Button size="small" className="mt-2" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "Show less" : "Show all of it"}
        </Button>
      )}
    </div>
  );
}
