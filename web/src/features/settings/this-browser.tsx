"use client";

import { useState, type SubmitEvent } from "react";
import { setApiKey } from "@/api/key";
import { useTheme } from "@/components/shell/theme-toggle";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { ConfirmDialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/field";
import { Choice } from "@/components/ui/tabs";
import { useStoredKey } from "@/features/keys/use-stored-key";
import { setTheme } from "@/theme";

const themes = [
  { id: "light", label: "Light" },
  { id: "dark", label: "Dark" },
] as const;

/** What is kept in this browser only. */
export function ThisBrowser() {
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card title="Theme">
        <ThemeChoice />
      </Card>
      <Card title="API key">
        <StoredKey />
      </Card>
    </div>
  );
}

function ThemeChoice() {
  const theme = useTheme();
  return (
    <div className="space-y-3 text-sm">
      <p className="text-ink-soft">Until you choose, the dashboard does as your system does.</p>
      <Choice label="Theme" options={themes} selected={theme} onSelect={setTheme} />
    </div>
  );
}

/** Enough to recognise a key by, not to use it. */
const masked = (key: string): string => `${key.slice(0, 7)}${"•".repeat(12)}`;

function StoredKey() {
  const stored = useStoredKey();
  const [typed, setTyped] = useState("");
  const [asking, setAsking] = useState(false);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setApiKey(typed.trim());
    setTyped("");
  };
  return (
    <div className="space-y-4 text-sm">
      <div className="flex min-h-9 flex-wrap items-center justify-between gap-3">
        {stored ? (
          <>
            <p>
              Sent with every call: <code className="font-mono text-xs">{masked(stored)}</code>
            </p>
            <Button look="danger" size="small" onClick={() => setAsking(true)}>
              Forget it
            </Button>
          </>
        ) : (
          <p className="text-ink-soft">
            None is kept. A hub that answers only to this machine needs none.
          </p>
        )}
      </div>
      <form onSubmit={submit} className="flex items-end gap-2">
        <Field label={stored ? "Another key" : "Key"} className="flex-1">
          {(ids) => (
            <Input
              {...ids}
              type="password"
              autoComplete="off"
              placeholder="mh-…"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
          )}
        </Field>
        <Button type="submit" disabled={typed.trim() === ""}>
          Keep it here
        </Button>
      </form>
      <ConfirmDialog
        title="Forget the API key?"
        open={asking}
        onClose={() => setAsking(false)}
        confirmLabel="Forget it"
        onConfirm={() => {
          setApiKey(null);
          setAsking(false);
        }}
      >
        <p>
          It stays good; only this browser does not send it any more. Where the hub wants a key, the
          dashboard will ask for one.
        </p>
      </ConfirmDialog>
    </div>
  );
}
