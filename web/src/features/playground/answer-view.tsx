"use client";

import { Braces, RotateCcw } from "lucide-react";
import { useState } from "react";
import { ApiError } from "@/api/errors";
import { IconButton } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { ErrorNotice } from "@/components/ui/states";
import { Choice, type Tab } from "@/components/ui/tabs";
import { isSettled, type Answer } from "./answer";
import { AnswerFigures } from "./answer-figures";
import { MarkdownView } from "./markdown-view";
import { RequestDialog } from "./request-dialog";
import { splitThinking } from "./thinking";
import { TokenTable, TokenView } from "./token-view";
import { ToolCalls } from "./tool-calls";
import { useAnswer } from "./use-session";
import { Waiting } from "./waiting";

interface AnswerViewProps {
  answer: Answer;
  /** Whether the model is named above it at any width, not only where columns are below each other. */
  named: boolean;
  onRegenerate: (() => void) | null;
  onResults: ((results: string[]) => void) | null;
}

type Look = "text" | "tokens" | "table";
const looks: Tab<Look>[] = [
  { id: "text", label: "Text" },
  { id: "tokens", label: "Tokens" },
  { id: "table", label: "Table" },
];

/** An answer, also while it is being written. */
export function AnswerView({ answer: kept, named, onRegenerate, onResults }: AnswerViewProps) {
  const answer = useAnswer(kept);
  const [look, setLook] = useState<Look>("tokens");
  const [showsRequest, setShowsRequest] = useState(false);
  const hasTokens = answer.tokens.length > 0;
  return (
    <article aria-label={`Answer of ${answer.request.model}`} className="min-w-0 space-y-3">
      <p className={`truncate text-xs font-medium text-ink-faint ${named ? "" : "md:hidden"}`}>
        {answer.request.model}
      </p>
      {answer.state === "waiting" && <Waiting model={answer.request.model} />}
      {hasTokens && look === "tokens" && <TokenView tokens={answer.tokens} />}
      {hasTokens && look === "table" && <TokenTable tokens={answer.tokens} />}
      {(!hasTokens || look === "text") && <AnswerText answer={answer} />}
      {answer.toolCalls.length > 0 && (
        <ToolCalls answer={answer} onResults={isSettled(answer) ? onResults : null} />
      )}
      {answer.error && (
        <ErrorNotice
          title={answer.text === "" ? "No answer" : "The answer broke off"}
          error={errorOf(answer.error)}
          retry={onRegenerate ?? undefined}
        />
      )}
      {isSettled(answer) && (
        <footer className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
          <AnswerFigures answer={answer} />
          <div className="-ml-2 flex items-center gap-0.5">
            {hasTokens && (
              <Choice
                label="Show the answer as"
                options={looks}
                selected={look}
                onSelect={setLook}
              />
            )}
            <CopyButton text={answer.text} what="Copy the answer" />
            <IconButton label="Request as code" onClick={() => setShowsRequest(true)}>
              <Braces size={15} aria-hidden />
            </IconButton>
            {onRegenerate && (
              <IconButton label="Answer again" onClick={onRegenerate}>
                <RotateCcw size={15} aria-hidden />
              </IconButton>
            )}
          </div>
        </footer>
      )}
      {showsRequest && <RequestDialog answer={answer} onClose={() => setShowsRequest(false)} />}
    </article>
  );
}

function AnswerText({ answer }: { answer: Answer }) {
  const { thinking, open, answer: text } = splitThinking(answer.text);
  return (
    <>
      {thinking !== "" && (
        <details className="rounded-lg border border-line px-3 py-2 text-sm text-ink-soft">
          <summary className="text-xs font-medium">{open ? "Thinking…" : "Thoughts"}</summary>
          <p className="mt-2 break-words whitespace-pre-wrap">{thinking}</p>
        </details>
      )}
      {text !== "" && <MarkdownView text={text} />}
      {answer.state === "done" && text === "" && answer.toolCalls.length === 0 && (
        <p className="text-sm text-ink-faint">The model said nothing.</p>
      )}
    </>
  );
}

const errorOf = ({ message, code, requestId }: NonNullable<Answer["error"]>): ApiError =>
  new ApiError(0, message, code, null, requestId, null);
