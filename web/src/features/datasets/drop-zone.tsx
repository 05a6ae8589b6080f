"use client";

import clsx from "clsx";
import { FileUp } from "lucide-react";
import { useId, useRef, useState, type DragEvent } from "react";
import { Button } from "@/components/ui/button";

interface DropZoneProps {
  onFiles: (files: File[]) => void;
  onPath: () => void;
}

/** Takes files that are dropped on it, or chosen with its button; or leads to those on the hub's machine. */
export function DropZone({ onFiles, onPath }: DropZoneProps) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const inputId = useId();
  const drag = (event: DragEvent): void => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setOver(true);
  };
  return (
    // Dropping is an extra for a pointer; the button inside does the same by keyboard.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      onDragEnter={drag}
      onDragOver={drag}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        onFiles([...event.dataTransfer.files]);
      }}
      className={clsx(
        "flex flex-col items-center gap-3 rounded-xl border border-dashed px-6 py-8 text-center transition-colors",
        over ? "border-accent bg-accent-soft" : "border-line-strong bg-surface",
      )}
    >
      <FileUp size={26} aria-hidden className={over ? "text-accent-strong" : "text-ink-faint"} />
      <div>
        <p className="font-medium">{over ? "Drop to add" : "Drop a file of rows here"}</p>
        <p className="mt-1 text-sm text-ink-soft">
          JSONL, JSON, CSV or Parquet with messages, conversations, prompt and completion,
          instruction and output, chosen and rejected, or text
        </p>
      </div>
      <label htmlFor={inputId} className="sr-only">
        Files of rows
      </label>
      <input
        ref={input}
        id={inputId}
        type="file"
        multiple
        tabIndex={-1}
        accept=".jsonl,.ndjson,.json,.csv,.parquet"
        className="sr-only"
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
      <div className="flex flex-wrap justify-center gap-2">
        <Button look="primary" onClick={() => input.current?.click()}>
          Choose a file
        </Button>
        <Button onClick={onPath}>By path on the hub&apos;s machine</Button>
      </div>
    </div>
  );
}
