"use client";

import { ApiError } from "@/api/errors";
import { ErrorNotice } from "@/components/ui/states";
import type { Answer } from "./answer";
import { AnswerFigures } from "./answer-figures";
import { useAnswer } from "./use-session";

/** An answer, also while it is being written. */
export function AnswerView({ answer: kept }: { answer: Answer }) {
  const answer = useAnswer(kept);
  return (
    <div className="space-y-2">
      {answer.state === "waiting" && <p className="text-sm text-ink-faint">Waiting…</p>}
      {answer.text !== "" && (
        <p className="text-sm break-words whitespace-pre-wrap">{answer.text}</p>
      )}
      {answer.error && (
        <ErrorNotice
          title={answer.text === "" ? "No answer" : "The answer broke off"}
          error={
            new ApiError(
              0,
              answer.error.message,
              answer.error.code,
              null,
              answer.error.requestId,
              null,
            )
          }
        />
      )}
      <AnswerFigures answer={answer} />
    </div>
  );
}
