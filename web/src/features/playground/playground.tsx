"use client";

import { useEffect, useRef, useState } from "react";
import { LinkButton } from "@/components/ui/button";
import { ConfirmDialog } from "@/components/ui/dialog";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice } from "@/components/ui/states";
import { plural } from "@/format";
import { ColumnHeads } from "./column-heads";
import { Composer } from "./composer";
import { ConversationsDialog } from "./conversations-dialog";
import { PlaygroundActions, settingsId } from "./playground-actions";
import { playgroundLead } from "./playground-skeleton";
import { SettingsPanel } from "./settings-panel";
import { problemsOf } from "./settings";
import { Transcript } from "./transcript";
import { TurnView } from "./turn-view";
import { useAddressedModels } from "./use-addressed-models";
import { HubKnowledgeContext, useHubKnowledge } from "./use-hub-knowledge";
import { useModels } from "./use-models";
import { useSession } from "./use-session";

export function Playground() {
  const [session, { current, saved, busy, saveError, announcement }] = useSession();
  const field = useRef<HTMLTextAreaElement>(null);
  const [showsSettings, setShowsSettings] = useState(
    () => window.matchMedia("(min-width: 64rem)").matches,
  );
  const [open, setOpen] = useState<"conversations" | "clear" | null>(null);
  const { models, options, isLoading, error } = useModels();
  const busyColumns = current.columns.filter(({ id }) => busy.has(`${current.id}/${id}`));
  const hub = useHubKnowledge(models, busyColumns.length > 0);
  useEffect(() => session.learn(hub), [session, hub]);
  useAddressedModels(session, current, options);

  const problems = problemsOf(current.settings, hub.capabilities);
  const hindrance = hindranceOf(
    current.columns.some(({ model }) => model === ""),
    Object.values(problems).length > 0,
  );
  const lastTurn = current.turns.at(-1)?.id ?? "";
  const focusComposer = (): void => field.current?.focus();
  const close = (): void => setOpen(null);
  return (
    <>
      <PageHeader
        title="Playground"
        lead={playgroundLead}
        actions={
          <PlaygroundActions
            session={session}
            current={current}
            options={options}
            showsSettings={showsSettings}
            onSettings={() => setShowsSettings(!showsSettings)}
            onConversations={() => setOpen("conversations")}
            onNew={() => {
              session.start();
              focusComposer();
            }}
            onClear={() => setOpen("clear")}
          />
        }
      />
      <div className="flex flex-col gap-4 lg:flex-row-reverse">
        <aside
          id={settingsId}
          aria-label="Settings"
          hidden={!showsSettings}
          className="relative rounded-xl border border-line bg-surface lg:h-[calc(100dvh-12.75rem)] lg:w-80 lg:shrink-0 lg:overflow-y-auto"
        >
          <h2 className="sr-only">Settings</h2>
          <SettingsPanel
            settings={current.settings}
            problems={problems}
            capabilities={hub.capabilities}
            onChange={(change) => session.setSettings(change)}
          />
        </aside>
        <section
          aria-label="Chat"
          className="flex h-[calc(100dvh-14.75rem)] min-h-96 min-w-0 flex-col lg:flex-1 sm:h-[calc(100dvh-12.75rem)] rounded-xl border border-line bg-surface"
        >
          <h2 className="sr-only">Chat</h2>
          <ColumnHeads
            session={session}
            columns={current.columns}
            models={models}
            options={options}
            isLoaded={(model) => hub.engineState(model) === "ready"}
          />
          <Transcript end={`${current.id}/${lastTurn}`}>
            <ErrorNotice error={error} title="The models cannot be listed" />
            {saveError !== null && (
              <ErrorNotice
                title="This conversation is not kept"
                error="This browser has no room left for it. Delete conversations that are not needed."
              />
            )}
            {current.turns.length === 0 && !error && !isLoading && (
              <Invitation isEmpty={options.length === 0} />
            )}
            <HubKnowledgeContext value={hub}>
              <ol className="space-y-6">
                {current.turns.map((turn, index) => (
                  <TurnView
                    key={turn.id}
                    session={session}
                    turn={turn}
                    columns={current.columns}
                    busy={busyColumns.map(({ id }) => id).join(",")}
                    following={current.turns.length - index - 1}
                  />
                ))}
              </ol>
            </HubKnowledgeContext>
          </Transcript>
          <div className="border-t border-line p-3">
            <Composer
              field={field}
              busy={busyColumns.length > 0}
              hindrance={hindrance}
              onSend={(text) => session.send(text)}
              onStop={() => session.stop()}
            />
          </div>
        </section>
      </div>
      <p aria-live="polite" className="sr-only">
        {announcement}
      </p>
      {open === "conversations" && (
        <ConversationsDialog
          saved={saved}
          currentId={current.id}
          onOpen={(id) => {
            session.open(id);
            close();
          }}
          onErase={(id) => session.erase(id)}
          onClose={close}
        />
      )}
      <ConfirmDialog
        title="Clear the conversation?"
        open={open === "clear"}
        onClose={close}
        confirmLabel="Clear"
        onConfirm={() => {
          session.clear();
          close();
          focusComposer();
        }}
      >
        <p>
          {plural(current.turns.length, "message")} and all answers go. Models and settings stay.
        </p>
      </ConfirmDialog>
    </>
  );
}

function hindranceOf(lacksModel: boolean, hasProblems: boolean): string | null {
  if (lacksModel) return "Choose a model first.";
  return hasProblems ? "A setting cannot be sent: see there." : null;
}

function Invitation({ isEmpty }: { isEmpty: boolean }) {
  if (!isEmpty) {
    return (
      <EmptyState title="Ask the model something">
        A second model answers the same message beside it.
      </EmptyState>
    );
  }
  return (
    <EmptyState
      title="There is no model to talk to yet"
      action={
        <LinkButton href="/models/" look="primary">
          Add a model
        </LinkButton>
      }
    >
      Register one, and it can be asked as soon as its weights are here.
    </EmptyState>
  );
}
