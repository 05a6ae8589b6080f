"use client";

import { Pencil, Trash2 } from "lucide-react";
import { memo, useRef, useState } from "react";
import { Button, IconButton } from "@/components/ui/button";
import { ConfirmDialog } from "@/components/ui/dialog";
import { Field, Textarea } from "@/components/ui/field";
import { plural } from "@/format";
import { AnswerView } from "./answer-view";
import { sends } from "./composer";
import type { Column, Turn } from "./conversation";
import type { Session } from "./session";

/** By the number of columns. */
export const columnGrid = ["", "", "md:grid-cols-2", "md:grid-cols-3"] as const;

interface TurnViewProps {
  session: Session;
  turn: Turn;
  columns: Column[];
  /** Columns that are answering, by id, with commas between. */
  busy: string;
  /** How many messages come after it. */
  following: number;
}

/** What the user said, and the answers side by side. Drawn anew only when it changed. */
export const TurnView = memo(({ session, turn, columns, busy, following }: TurnViewProps) => {
  const busyColumns = busy.split(",");
  return (
    <li className="space-y-3">
      <Said session={session} turn={turn} following={following} />
      <div className={`grid gap-x-6 gap-y-4 ${columnGrid[columns.length] ?? ""}`}>
        {columns.map((column) => {
          const answers = turn.answers[column.id] ?? [];
          const isBusy = busyColumns.includes(column.id);
          return (
            <div key={column.id} className="min-w-0 space-y-3">
              {answers.map((answer, index) => {
                const isFree = !isBusy && index === answers.length - 1;
                return (
                  <AnswerView
                    key={answer.id}
                    answer={answer}
                    named={answer.request.model !== column.model}
                    onRegenerate={isFree ? () => session.regenerate(column.id, turn.id) : null}
                    onResults={
                      isFree
                        ? (results) => session.giveResults(column.id, answer.id, results)
                        : null
                    }
                  />
                );
              })}
              {answers.length === 0 && (
                <p className="flex flex-wrap items-center gap-2 text-sm text-ink-faint">
                  {isBusy ? "Comes after the answers before it." : "Not asked."}
                  {!isBusy && (
                    <Button size="small" onClick={() => session.catchUp(column.id)}>
                      Ask {column.model}
                    </Button>
                  )}
                </p>
              )}
            </div>
          );
        })}
      </div>
    </li>
  );
});
TurnView.displayName = "TurnView";

interface SaidProps {
  session: Session;
  turn: Turn;
  following: number;
}

function Said({ session, turn, following }: SaidProps) {
  const [edited, setEdited] = useState<string | null>(null);
  const [leaving, setLeaving] = useState(false);
  const editButton = useRef<HTMLButtonElement>(null);
  const close = (): void => {
    setEdited(null);
    requestAnimationFrame(() => editButton.current?.focus());
  };
  const resend = (): void => {
    if (edited === null || edited.trim() === "") return;
    close();
    session.resend(turn.id, edited.trim());
  };
  if (edited !== null) {
    return (
      <form
        className="space-y-2 rounded-xl bg-accent-soft p-3"
        onSubmit={(event) => {
          event.preventDefault();
          resend();
        }}
      >
        <Field
          label="Your message"
          hideLabel
          help={
            following > 0 &&
            `Sending it removes its answers and the ${plural(following, "message")} after it.`
          }
        >
          {(ids) => (
            <Textarea
              {...ids}
              ref={(element) => element?.focus()}
              rows={2}
              className="field-sizing-content max-h-80"
              value={edited}
              onChange={(event) => setEdited(event.target.value)}
              onKeyDown={(event) => {
                if (event.key === "Escape") close();
                if (!sends(event)) return;
                event.preventDefault();
                resend();
              }}
            />
          )}
        </Field>
        <div className="flex justify-end gap-2">
          <Button size="small" onClick={close}>
            Cancel
          </Button>
          <Button size="small" look="primary" type="submit" disabled={edited.trim() === ""}>
            Send again
          </Button>
        </div>
      </form>
    );
  }
  return (
    <div className="group flex items-start justify-end gap-1">
      <div className="flex opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100">
        <button
          ref={editButton}
          type="button"
          aria-label="Edit and send again"
          title="Edit and send again"
          className="inline-flex size-8 items-center justify-center rounded-lg text-ink-soft hover:bg-sunken hover:text-ink"
          onClick={() => setEdited(turn.text)}
        >
          <Pencil size={14} aria-hidden />
        </button>
        <IconButton label="Delete this message and its answers" onClick={() => setLeaving(true)}>
          <Trash2 size={14} aria-hidden />
        </IconButton>
      </div>
      <p className="max-w-[80%] min-w-0 rounded-xl bg-accent-soft px-3.5 py-2 text-sm break-words whitespace-pre-wrap">
        <span className="sr-only">You said: </span>
        {turn.text}
      </p>
      <ConfirmDialog
        title="Delete the message?"
        open={leaving}
        onClose={() => setLeaving(false)}
        confirmLabel="Delete"
        onConfirm={() => {
          setLeaving(false);
          session.deleteTurn(turn.id);
        }}
      >
        <p>
          The message and its answers go.{" "}
          {following > 0 && "What follows stays, though it was said with them before it."}
        </p>
      </ConfirmDialog>
    </div>
  );
}
