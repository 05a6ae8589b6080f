"use client";

import { Download, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button, IconButton } from "@/components/ui/button";
import { ConfirmDialog, Dialog } from "@/components/ui/dialog";
import { Field, Input } from "@/components/ui/field";
import { EmptyState } from "@/components/ui/states";
import { formatAge, plural } from "@/format";
import { titleOf, type Conversation } from "./conversation";
import { datasetRows } from "./dataset-rows";
import { saveFile } from "@/save-file";

interface ConversationsDialogProps {
  saved: Conversation[];
  currentId: string;
  onOpen: (id: string) => void;
  onErase: (id: string) => void;
  onClose: () => void;
}

function exportRows(name: string, conversations: Conversation[]): void {
  saveFile(name, new Blob([datasetRows(conversations)], { type: "application/jsonl" }));
}

/** What this browser keeps: to go on with, to make a data set of, to delete. */
export function ConversationsDialog(props: ConversationsDialogProps) {
  const { saved, currentId, onOpen, onErase, onClose } = props;
  const [typed, setTyped] = useState("");
  const [leaving, setLeaving] = useState<Conversation | null>(null);
  const wanted = typed.trim().toLowerCase();
  const found = saved.filter(({ turns }) =>
    turns.some(({ text }) => text.toLowerCase().includes(wanted)),
  );
  return (
    <Dialog title="Conversations" open onClose={onClose} wide>
      {saved.length === 0 ? (
        <EmptyState title="No conversation yet">
          What you ask is kept in this browser and appears here.
        </EmptyState>
      ) : (
        <>
          <div className="flex items-end gap-2">
            <Field label="Search" hideLabel className="flex-1">
              {(ids) => (
                <Input
                  {...ids}
                  type="search"
                  placeholder="Search what you said"
                  value={typed}
                  onChange={(event) => setTyped(event.target.value)}
                />
              )}
            </Field>
            <Button
              disabled={found.length === 0}
              onClick={() => exportRows("conversations.jsonl", found)}
            >
              <Download size={15} aria-hidden />
              Export {found.length}
            </Button>
          </div>
          <ul className="mt-3 max-h-[50dvh] divide-y divide-line overflow-y-auto">
            {found.map((one) => (
              <li key={one.id} className="flex items-center gap-1 py-1">
                <button
                  type="button"
                  aria-current={one.id === currentId || undefined}
                  className="min-w-0 flex-1 rounded-lg px-2 py-1.5 text-left hover:bg-sunken"
                  onClick={() => onOpen(one.id)}
                >
                  <span className="block truncate text-sm font-medium">{titleOf(one)}</span>
                  <span className="block truncate text-xs text-ink-faint">
                    {one.id === currentId && "open · "}
                    {plural(one.turns.length, "message")} · {formatAge(one.updatedAt)} ·{" "}
                    {one.columns.map(({ model }) => model).join(", ")}
                  </span>
                </button>
                <IconButton
                  label={`Export “${titleOf(one)}” as JSONL`}
                  onClick={() => exportRows("conversation.jsonl", [one])}
                >
                  <Download size={15} aria-hidden />
                </IconButton>
                <IconButton label={`Delete “${titleOf(one)}”`} onClick={() => setLeaving(one)}>
                  <Trash2 size={15} aria-hidden />
                </IconButton>
              </li>
            ))}
          </ul>
          <p className="mt-3 text-xs text-ink-faint">
            Kept in this browser only. The export has a row of format chat for each model that
            answered, as data sets take it.
          </p>
        </>
      )}
      <ConfirmDialog
        title="Delete the conversation?"
        open={leaving !== null}
        onClose={() => setLeaving(null)}
        confirmLabel="Delete"
        onConfirm={() => {
          if (leaving) onErase(leaving.id);
          setLeaving(null);
        }}
      >
        <p>
          “{leaving && titleOf(leaving)}” with {plural(leaving?.turns.length ?? 0, "message")} and
          all answers. Nothing else keeps it.
        </p>
      </ConfirmDialog>
    </Dialog>
  );
}
