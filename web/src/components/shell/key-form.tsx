"use client";

import { useState, type SubmitEvent } from "react";
import { apiKey, dismissKeyDialog, setApiKey } from "@/api/key";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/field";

/** The dialog in which an API key is entered. */
export function KeyForm() {
  const [key, setKey] = useState("");
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setApiKey(key.trim());
  };
  return (
    <Dialog title="API key" open onClose={dismissKeyDialog}>
      <form onSubmit={submit} className="space-y-4 text-sm">
        <p className="text-ink-soft">
          {apiKey()
            ? "The hub does not take the key that this browser has. Enter another one."
            : "This hub answers only with an API key."}{" "}
          <code className="font-mono text-xs">mlx-hub keys create</code> makes one. It stays in this
          browser.
        </p>
        <Field label="Key">
          {(ids) => (
            <Input
              {...ids}
              type="password"
              autoComplete="off"
              placeholder="mh-…"
              value={key}
              onChange={(event) => setKey(event.target.value)}
            />
          )}
        </Field>
        <div className="flex justify-end gap-2">
          <Button onClick={dismissKeyDialog}>Not now</Button>
          <Button look="primary" type="submit" disabled={key.trim() === ""}>
            Use this key
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
