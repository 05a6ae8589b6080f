"use client";

import { useEffect, useRef } from "react";
import { useHub } from "@/api/client";
import { Button } from "@/components/ui/button";
import { Field, Select } from "@/components/ui/field";
import { PageHeader } from "@/components/ui/page-header";
import { EmptyState, ErrorNotice } from "@/components/ui/states";
import { AnswerView } from "./answer-view";
import { chatCapabilities, noCapabilities } from "./capabilities";
import { Composer } from "./composer";
import { modelNames } from "./model-options";
import { problemsOf } from "./settings";
import { useSession } from "./use-session";

export function Playground() {
  const [session, { current, busy }] = useSession();
  const field = useRef<HTMLTextAreaElement>(null);
  const { data: served, error } = useHub("/v1/models");
  const { data: system } = useHub("/system");
  const names = modelNames(served?.data ?? []);
  const firstName = names[0];
  const capabilities = system ? chatCapabilities(system) : noCapabilities;
  useEffect(() => {
    if (system) session.learn(chatCapabilities(system));
  }, [session, system]);
  useEffect(() => {
    if (!firstName) return;
    for (const column of current.columns) {
      if (column.model === "") session.setModel(column.id, firstName);
    }
  }, [session, current.columns, firstName]);
  const answering = current.columns.some((column) => busy.has(`${current.id}/${column.id}`));
  const problems = problemsOf(current.settings, capabilities);
  const hindrance = Object.values(problems)[0] ?? null;
  return (
    <>
      <PageHeader
        title="Playground"
        actions={<Button onClick={() => session.start()}>New conversation</Button>}
      />
      <ErrorNotice error={error} />
      <div className="space-y-4">
        {current.columns.map((column) => (
          <Field key={column.id} label="Model">
            {(ids) => (
              <Select
                {...ids}
                value={column.model}
                onChange={(event) => session.setModel(column.id, event.target.value)}
              >
                {names.map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </Select>
            )}
          </Field>
        ))}
        {current.turns.length === 0 && <EmptyState title="Ask something" />}
        {current.turns.map((turn) => (
          <section key={turn.id} className="space-y-3">
            <p className="rounded-lg bg-accent-soft px-3 py-2 text-sm whitespace-pre-wrap">
              {turn.text}
            </p>
            {current.columns.map((column) => (
              <div key={column.id}>
                {(turn.answers[column.id] ?? []).map((answer) => (
                  <AnswerView key={answer.id} answer={answer} />
                ))}
              </div>
            ))}
          </section>
        ))}
        <Composer
          field={field}
          busy={answering}
          hindrance={hindrance}
          onSend={(text) => session.send(text)}
          onStop={() => session.stop()}
        />
      </div>
    </>
  );
}
