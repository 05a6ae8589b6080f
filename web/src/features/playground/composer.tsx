"use client";

import { SendHorizontal, Square } from "lucide-react";
import { useEffect, useState, type KeyboardEvent, type RefObject } from "react";
import { Button } from "@/components/ui/button";
import { Field, Textarea } from "@/components/ui/field";

interface ComposerProps {
  field: RefObject<HTMLTextAreaElement | null>;
  busy: boolean;
  /** Why nothing can be sent; null when it can. */
  hindrance: string | null;
  onSend: (text: string) => void;
  onStop: () => void;
}

/** Whether a key press sends: Enter, not while an input method composes; Shift+Enter is a new line. */
export const sends = (event: KeyboardEvent): boolean =>
  event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing;

export function Composer({ field, busy, hindrance, onSend, onStop }: ComposerProps) {
  const [text, setText] = useState("");
  useEffect(() => {
    // On a phone the keyboard would come up.
    if (window.matchMedia("(pointer: fine)").matches) field.current?.focus({ preventScroll: true });
  }, [field]);
  const ready = text.trim() !== "" && !busy && hindrance === null;
  const send = (): void => {
    if (!ready) return;
    onSend(text.trim());
    setText("");
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && busy) onStop();
    if (!sends(event)) return;
    event.preventDefault();
    send();
  };
  return (
    <form
      className="flex items-end gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Field label="Message" hideLabel className="flex-1" help={hindrance}>
        {(ids) => (
          <Textarea
            {...ids}
            ref={field}
            rows={2}
            className="block field-sizing-content max-h-60 min-h-16 resize-none"
            placeholder="Say something. Enter sends, Shift+Enter makes a new line."
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={press}
          />
        )}
      </Field>
      {busy ? (
        <Button onClick={onStop}>
          <Square size={14} aria-hidden />
          Stop
        </Button>
      ) : (
        <Button look="primary" type="submit" disabled={!ready}>
          <SendHorizontal size={16} aria-hidden />
          Send
        </Button>
      )}
    </form>
  );
}
