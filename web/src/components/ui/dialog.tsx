"use client";

import { X } from "lucide-react";
import { useEffect, useId, useRef, type ReactNode } from "react";
import { Button, IconButton } from "./button";
import { ErrorNotice } from "./states";

interface DialogProps {
  title: string;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
}

/** The browser's own modal dialog: it keeps the focus inside and closes on Escape. */
export function Dialog({ title, open, onClose, children, wide }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = element.current;
    if (open) dialog?.showModal();
    else dialog?.close();
  }, [open]);
  return (
    <dialog
      ref={element}
      aria-labelledby={heading}
      onClose={(event) => {
        // React also tells a dialog that one inside it was closed.
        if (event.target === event.currentTarget) onClose();
      }}
      className={`m-auto w-[calc(100vw-2rem)] rounded-xl border border-line bg-surface p-0 text-ink shadow-2xl ${wide ? "max-w-3xl" : "max-w-lg"}`}
    >
      {open && (
        <>
          <header className="flex items-center justify-between gap-4 border-b border-line px-5 py-3">
            <h2 id={heading} className="font-semibold">
              {title}
            </h2>
            <IconButton label="Close" onClick={onClose}>
              <X size={18} aria-hidden />
            </IconButton>
          </header>
          <div className="p-5">{children}</div>
        </>
      )}
    </dialog>
  );
}

interface ConfirmDialogProps {
  title: string;
  open: boolean;
  onClose: () => void;
  /** What will happen, and what will be lost. */
  children: ReactNode;
  confirmLabel: string;
  onConfirm: () => void;
  busy?: boolean;
  error?: unknown;
}

/** Asks before something that cannot be undone. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  return (
    <Dialog title={props.title} open={props.open} onClose={props.onClose}>
      <div className="space-y-4 text-sm">
        <div className="space-y-2 text-ink-soft">{props.children}</div>
        <ErrorNotice error={props.error} />
        <div className="flex justify-end gap-2">
          <Button onClick={props.onClose}>Keep it</Button>
          <Button look="danger" busy={props.busy} onClick={props.onConfirm}>
            {props.confirmLabel}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
