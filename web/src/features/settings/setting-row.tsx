"use client";

import { RotateCcw } from "lucide-react";
import { useId, useState, type SubmitEvent } from "react";
import { useHub } from "@/api/client";
import { apiKey } from "@/api/key";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Checkbox, Field, Input } from "@/components/ui/field";
import { lazily, useHasBeen, useLoadedLater } from "@/components/ui/lazily";
import { ScopeNotice } from "@/components/ui/scope-notice";
import { readSetting, settingRange, settingTitle, valueWords, type Setting } from "./setting-words";
import { useSettings } from "./use-settings";

const loadDialog = () => import("@/components/ui/dialog");
const ConfirmDialog = lazily(() => loadDialog().then((module) => module.ConfirmDialog));

/** One setting: what it does, its value, and the way back to its default. */
export function SettingRow({ setting }: { setting: Setting }) {
  const { change } = useSettings();
  const set = (value: Setting["value"] | null): void => void change.run(setting.name, value);
  const { name, type, description, changed } = setting;
  return (
    <li className="grid gap-x-8 gap-y-3 px-4 py-4 lg:grid-cols-[minmax(0,1fr)_26rem]">
      <div className="min-w-0 text-sm">
        <h3 className="flex flex-wrap items-center gap-2 font-medium">
          {settingTitle(name)}
          <code className="font-mono text-xs font-normal text-ink-faint">{name}</code>
          {changed && <Badge tone="accent">changed</Badge>}
        </h3>
        <p className="mt-1 max-w-prose text-ink-soft">{description}.</p>
        <p className="mt-1 text-xs text-ink-faint">
          Default: {valueWords(setting.default)}. Takes {settingRange(setting)}.
        </p>
      </div>
      <div className="min-w-0 space-y-2">
        {type === "boolean" ? (
          <div className="flex items-center gap-2">
            <Toggle setting={setting} busy={change.busy} onSet={set} />
            {changed && <Reset setting={setting} busy={change.busy} onReset={() => set(null)} />}
          </div>
        ) : (
          // Another value from elsewhere begins the field anew.
          <Entry
            key={String(setting.value)}
            setting={setting}
            busy={change.busy}
            onSet={set}
            onReset={() => set(null)}
          />
        )}
        {change.error != null && (
          <ScopeNotice
            error={change.error}
            what="Changes of settings"
            title="The setting was not changed"
          />
        )}
      </div>
    </li>
  );
}

interface ControlProps {
  setting: Setting;
  busy: boolean;
  onSet: (value: Setting["value"]) => void;
}

interface ResetProps {
  setting: Setting;
  busy: boolean;
  onReset: () => void;
}

function Reset({ setting, busy, onReset }: ResetProps) {
  return (
    <Button
      look="quiet"
      busy={busy}
      className="ml-auto w-24"
      aria-label={`Reset ${settingTitle(setting.name)} to its default`}
      onClick={onReset}
    >
      <RotateCcw size={15} aria-hidden />
      Reset
    </Button>
  );
}

function Toggle({ setting, busy, onSet }: ControlProps) {
  const [asking, setAsking] = useState(false);
  const hasAsked = useHasBeen(asking);
  useLoadedLater(loadDialog);
  const on = setting.value === true;
  const ask = (value: boolean): void => {
    // Without a key this browser would lock itself out.
    if (setting.name === "require_keys" && value && !apiKey()) setAsking(true);
    else onSet(value);
  };
  return (
    <>
      <Checkbox
        label={on ? "On" : "Off"}
        aria-label={settingTitle(setting.name)}
        checked={on}
        disabled={busy}
        onChange={(event) => ask(event.target.checked)}
      />
      {hasAsked && (
        <ConfirmDialog
          title="Require keys, and this browser has none?"
          open={asking}
          onClose={() => setAsking(false)}
          confirmLabel="Require keys"
          busy={busy}
          onConfirm={() => {
            setAsking(false);
            onSet(true);
          }}
        >
          <p>
            From then on every page here asks for an API key. Make one with scope admin under API
            keys first and keep it in this browser, or you can go on only with a key that you have
            written down.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}

function Entry({ setting, busy, onSet, onReset }: ControlProps & ResetProps) {
  const { name, type, value, minimum, maximum } = setting;
  const [text, setText] = useState(String(value));
  const { value: read, problem } = readSetting(setting, text);
  const edited = text !== String(value);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (read !== null && edited) onSet(read);
  };
  const suggestions = useId();
  const numeric = type !== "string";
  return (
    <form onSubmit={submit} className="flex min-w-0 flex-1 items-start gap-2">
      <Field
        label={settingTitle(name)}
        hideLabel
        error={edited ? problem : null}
        className="flex-1"
      >
        {(ids) => (
          <Input
            {...ids}
            value={text}
            inputMode={type === "integer" ? "numeric" : numeric ? "decimal" : undefined}
            spellCheck={false}
            list={name === "default_model" ? suggestions : undefined}
            {...(numeric && { type: "number", min: minimum, max: maximum, step: "any" })}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
      {name === "default_model" && <ModelNames id={suggestions} />}
      {/* A place for one button, so that the field keeps its width. */}
      <div className="flex w-24 shrink-0">
        {edited ? (
          <Button
            type="submit"
            look="primary"
            busy={busy}
            disabled={problem !== null}
            className="w-full"
          >
            Save
          </Button>
        ) : (
          setting.changed && <Reset setting={setting} busy={busy} onReset={onReset} />
        )}
      </div>
    </form>
  );
}

function ModelNames({ id }: { id: string }) {
  const { data } = useHub("/models", { params: { query: { limit: 200, state: "ready" } } });
  return (
    <datalist id={id}>
      {data?.data.map((model) => (
        <option key={model.id} value={model.name} />
      ))}
    </datalist>
  );
}
