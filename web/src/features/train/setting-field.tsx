"use client";

import { Plus, X } from "lucide-react";
import { memo } from "react";
import { Button, IconButton } from "@/components/ui/button";
import { Checkbox, Field, Input, Select, Textarea } from "@/components/ui/field";
import { boundsText, defaultText } from "./settings/range";
import type { Entry, Setting, TextsSetting } from "./settings/setting";

interface SettingFieldProps {
  name: string;
  setting: Setting;
  entry: Entry | undefined;
  /** What holds while nothing is entered. */
  initial: Entry;
  problem: string | undefined;
  /** undefined: back to the default. */
  onEntry: (name: string, entry: Entry | undefined) => void;
}

const textOf = (entry: Entry | undefined): string => (typeof entry === "string" ? entry : "");

/** One setting with its control, what it does, its range and default. */
export const SettingField = memo(function SettingField(props: SettingFieldProps) {
  const { name, setting, entry, initial, problem, onEntry } = props;
  if (setting.kind === "flag") {
    return (
      <Checkbox
        label={setting.label}
        help={problem ? <span className="text-bad">{problem}</span> : setting.help}
        checked={typeof entry === "boolean" ? entry : initial === true}
        onChange={(event) => onEntry(name, event.target.checked)}
      />
    );
  }
  if (setting.kind === "texts") return <TextsField {...props} setting={setting} />;
  const help = `${setting.help} ${boundsText(setting)}`.trim();
  return (
    <Field label={setting.label} help={help} error={problem && `${problem}.`}>
      {(ids) =>
        setting.kind === "choice" ? (
          <Select
            {...ids}
            value={textOf(entry) || textOf(initial)}
            onChange={(event) => onEntry(name, event.target.value)}
          >
            {setting.options.map((option) => (
              <option key={option.value} value={option.value}>
                {option.label}
              </option>
            ))}
          </Select>
        ) : (
          <div className="relative">
            <Input
              {...ids}
              value={textOf(entry)}
              placeholder={
                setting.kind === "names"
                  ? setting.placeholder
                  : textOf(initial) || (defaultText(setting) ?? "")
              }
              inputMode={setting.kind === "number" ? "decimal" : "text"}
              spellCheck={false}
              autoComplete="off"
              className={setting.kind === "number" ? "pr-20 tabular-nums" : "font-mono"}
              onChange={(event) =>
                onEntry(name, event.target.value === "" ? undefined : event.target.value)
              }
            />
            {setting.kind === "number" && setting.unit && (
              <span
                aria-hidden
                className="pointer-events-none absolute inset-y-0 right-3 flex items-center text-xs text-ink-faint"
              >
                {setting.unit}
              </span>
            )}
          </div>
        )
      }
    </Field>
  );
});

/** Texts one below the other, with room for one more until there are as many as may be. */
function TextsField({
  name,
  setting,
  entry,
  problem,
  onEntry,
}: SettingFieldProps & { setting: TextsSetting }) {
  const texts = Array.isArray(entry) ? entry : [];
  const set = (changed: string[]): void => onEntry(name, changed.length > 0 ? changed : undefined);
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1 text-sm font-medium">{setting.label}</legend>
      <p className="mb-2 text-xs text-ink-faint">
        {setting.help} {boundsText(setting)}
      </p>
      <ul className="space-y-2">
        {texts.map((text, index) => (
          // Texts have no identity but their place.
          <li key={index} className="flex items-start gap-1">
            <Field label={`${setting.label} ${index + 1}`} hideLabel className="flex-1">
              {(ids) => (
                <Textarea
                  {...ids}
                  rows={text.length > 80 || text.includes("\n") ? 3 : 1}
                  value={text}
                  placeholder="What is the capital of France?"
                  onChange={(event) => set(texts.with(index, event.target.value))}
                />
              )}
            </Field>
            <IconButton
              label={`Remove prompt ${index + 1}`}
              onClick={() => set(texts.toSpliced(index, 1))}
            >
              <X size={16} aria-hidden />
            </IconButton>
          </li>
        ))}
      </ul>
      {problem && <p className="mt-1 text-xs text-bad">{problem}.</p>}
      {texts.length < setting.most && (
        <Button size="small" className="mt-2" onClick={() => set([...texts, ""])}>
          <Plus size={15} aria-hidden />
          Add a prompt
        </Button>
      )}
    </fieldset>
  );
}
