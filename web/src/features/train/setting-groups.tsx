"use client";

import { ChevronRight } from "lucide-react";
import { useState, type ReactNode } from "react";
import { Card } from "@/components/ui/card";
import { plural } from "@/format";
import { SettingField } from "./setting-field";
import { changedSettings, type Problems } from "./settings/params";
import { defaultEntry, groups, settingsIn, situationOf } from "./settings/settings";
import type { Entries, Entry, Group } from "./settings/setting";

interface SettingGroupsProps {
  entries: Entries;
  problems: Problems;
  onEntry: (name: string, entry: Entry | undefined) => void;
  /** What a group shows below its settings. */
  extra: Partial<Record<Group, ReactNode>>;
}

/** All settings that mean something now, group by group; the rarer ones folded away. */
export function SettingGroups(props: SettingGroupsProps) {
  const advanced = groups.filter((group) => group.advanced);
  return (
    <>
      {groups
        .filter((group) => !group.advanced)
        .map(({ id, title }) => (
          <Card key={id} title={title}>
            <SettingGrid {...props} group={id} />
            {props.extra[id] && <div className="mt-4">{props.extra[id]}</div>}
          </Card>
        ))}
      <Advanced {...props} groups={advanced} />
    </>
  );
}

function SettingGrid({ group, entries, problems, onEntry }: SettingGroupsProps & { group: Group }) {
  const situation = situationOf(entries);
  return (
    <div className="grid gap-x-5 gap-y-4 sm:grid-cols-2 xl:grid-cols-3">
      {settingsIn(situation)
        .filter(([, setting]) => setting.group === group)
        .map(([name, setting]) => (
          <div
            key={name}
            className={setting.kind === "texts" ? "sm:col-span-2 xl:col-span-3" : "min-w-0"}
          >
            <SettingField
              name={name}
              setting={setting}
              entry={entries[name]}
              initial={defaultEntry(name, setting, situation)}
              problem={problems[name]}
              onEntry={onEntry}
            />
          </div>
        ))}
    </div>
  );
}

function Advanced(props: SettingGroupsProps & { groups: readonly { id: Group; title: string }[] }) {
  const [open, setOpen] = useState(false);
  const names = new Set(
    settingsIn(situationOf(props.entries)).flatMap(([name, { group }]) =>
      props.groups.some(({ id }) => id === group) ? [name] : [],
    ),
  );
  const changed = changedSettings(props.entries).filter((name) => names.has(name)).length;
  // What is wrong must be seen.
  const wrong = Object.keys(props.problems).some((name) => names.has(name));
  const shown = open || wrong;
  return (
    <section className="rounded-xl border border-line bg-surface">
      <h2>
        <button
          type="button"
          aria-expanded={shown}
          aria-controls="advanced"
          onClick={() => setOpen(!shown)}
          className="flex min-h-12 w-full items-center gap-2 rounded-xl px-4 text-left text-sm font-semibold hover:bg-sunken"
        >
          <ChevronRight
            size={16}
            aria-hidden
            className={shown ? "rotate-90 transition-transform" : "transition-transform"}
          />
          Advanced
          <span className="font-normal text-ink-faint">
            {changed > 0 ? `${plural(changed, "setting")} changed` : `${names.size} settings`}
          </span>
        </button>
      </h2>
      <div id="advanced" hidden={!shown} className="space-y-6 border-t border-line p-4">
        {shown &&
          props.groups.map(({ id, title }) => (
            <div key={id}>
              <h3 className="mb-3 text-sm font-medium text-ink-soft">{title}</h3>
              <SettingGrid {...props} group={id} />
            </div>
          ))}
      </div>
    </section>
  );
}
