"use client";

import { Columns2, Eraser, History, Plus, SlidersHorizontal, type LucideIcon } from "lucide-react";
import type { ButtonHTMLAttributes } from "react";
import { Button } from "@/components/ui/button";
import { mostColumns, type Column, type Conversation } from "./conversation";
import type { ModelOption } from "./model-options";
import type { Session } from "./session";

export const settingsId = "playground-settings";

interface PlaygroundActionsProps {
  session: Session;
  current: Conversation;
  options: ModelOption[];
  showsSettings: boolean;
  onSettings: () => void;
  onConversations: () => void;
  onNew: () => void;
  onClear: () => void;
}

/** What can be done with the conversation as a whole. */
export function PlaygroundActions(props: PlaygroundActionsProps) {
  const { session, current, options, showsSettings } = props;
  return (
    <>
      <Action
        icon={Columns2}
        label="Compare"
        title={
          current.columns.length < mostColumns
            ? "Ask another model beside"
            : `At most ${mostColumns} models are asked side by side`
        }
        disabled={current.columns.length >= mostColumns}
        onClick={() => session.addColumn(nextModel(current.columns, options))}
      />
      <Action icon={Plus} label="New" title="New conversation" onClick={props.onNew} />
      <Action icon={History} label="Conversations" isWide onClick={props.onConversations} />
      <Action
        icon={Eraser}
        label="Clear"
        title="Clear the conversation"
        isWide
        disabled={current.turns.length === 0}
        onClick={props.onClear}
      />
      <Action
        icon={SlidersHorizontal}
        label="Settings"
        isWide
        aria-expanded={showsSettings}
        aria-controls={settingsId}
        onClick={props.onSettings}
      />
    </>
  );
}

interface ActionProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon: LucideIcon;
  label: string;
  /** Shows its words only where there is room. */
  isWide?: boolean;
}

function Action({ icon: Icon, label, isWide, ...rest }: ActionProps) {
  return (
    <Button size="small" title={label} {...rest}>
      <Icon size={15} aria-hidden />
      <span className={isWide ? "max-sm:sr-only" : ""}>{label}</span>
    </Button>
  );
}

/** One that is not shown yet, else the same again. */
function nextModel(columns: Column[], options: ModelOption[]): string {
  const shown = new Set(columns.map(({ model }) => model));
  return (options.find(({ value }) => !shown.has(value)) ?? options[0])?.value ?? "";
}
