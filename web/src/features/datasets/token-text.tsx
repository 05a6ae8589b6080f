import { Fragment } from "react";

interface Piece {
  text: string;
  trained: boolean;
}

/** A row's text as the model reads it; what counts in the loss is marked by ground and underline. */
export function TokenText({ pieces }: { pieces: readonly Piece[] }) {
  return (
    <p className="font-mono text-xs leading-6 break-words whitespace-pre-wrap text-ink-soft">
      {pieces.map((piece, index) =>
        piece.trained ? (
          <mark
            key={index}
            className="rounded-sm bg-accent-soft text-ink underline decoration-accent decoration-2 underline-offset-4"
          >
            {piece.text}
          </mark>
        ) : (
          <Fragment key={index}>{piece.text}</Fragment>
        ),
      )}
    </p>
  );
}

export function TokenLegend() {
  return (
    <p className="text-xs text-ink-faint">
      <mark className="rounded-sm bg-accent-soft px-1 text-ink underline decoration-accent decoration-2 underline-offset-4">
        Marked
      </mark>{" "}
      tokens count in the loss; the others are only read.
    </p>
  );
}
