"use client";

import type { ReactNode } from "react";
import { Checkbox, Field, Select, Textarea } from "@/components/ui/field";
import type { ChatCapabilities } from "./capabilities";
import { lengthFields, NumberFields, penaltyFields, samplingFields } from "./sampling-fields";
import type { Problems, Settings } from "./settings";
import { StopField } from "./stop-field";

interface SettingsPanelProps {
  settings: Settings;
  problems: Problems;
  capabilities: ChatCapabilities;
  onChange: (change: Partial<Settings>) => void;
}

const schemaExample = `{
  "type": "object",
  "properties": {
    "city": { "type": "string" }
  },
  "required": ["city"]
}`;

const toolsExample = `[
  {
    "type": "function",
    "function": {
      "name": "get_weather",
      "description": "The weather in a city",
      "parameters": {
        "type": "object",
        "properties": { "city": { "type": "string" } },
        "required": ["city"]
      }
    }
  }
]`;

/** With what all columns are asked. What the hub cannot do does not appear. */
export function SettingsPanel(props: SettingsPanelProps) {
  const { settings, problems, capabilities, onChange } = props;
  return (
    <>
      <Group title="System prompt">
        <Field label="System prompt" hideLabel>
          {(ids) => (
            <Textarea
              {...ids}
              rows={3}
              className="field-sizing-content max-h-60 min-h-20"
              placeholder="How the models should behave"
              value={settings.system}
              onChange={(event) => onChange({ system: event.target.value })}
            />
          )}
        </Field>
      </Group>
      <Group title="Sampling">
        <NumberFields fields={samplingFields} {...props} />
        {capabilities.penalties && <NumberFields fields={penaltyFields} {...props} />}
      </Group>
      <Group title="Answer">
        <NumberFields fields={lengthFields} {...props} />
        <StopField
          stops={settings.stop}
          problem={problems.stop}
          onChange={(stop) => onChange({ stop })}
        />
        {capabilities.logprobs && (
          <Checkbox
            label="Token probabilities"
            help="Colours each token by how sure the model was."
            checked={settings.logprobs}
            onChange={(event) => onChange({ logprobs: event.target.checked })}
          />
        )}
      </Group>
      {capabilities.jsonSchema && (
        <Group title="JSON schema">
          <JsonField
            label="JSON schema"
            help="The answer will be JSON of this schema. Empty: free text."
            example={schemaExample}
            value={settings.schema}
            problem={problems.schema}
            onChange={(schema) => onChange({ schema })}
          />
        </Group>
      )}
      {capabilities.tools && (
        <Group title="Tools">
          <JsonField
            label="Tools"
            help="What the model may call, as OpenAI's `tools`."
            example={toolsExample}
            value={settings.tools}
            problem={problems.tools}
            onChange={(tools) => onChange({ tools })}
          />
          <Field label="Use of tools">
            {(ids) => (
              <Select
                {...ids}
                value={settings.toolChoice}
                onChange={(event) =>
                  onChange({ toolChoice: event.target.value as Settings["toolChoice"] })
                }
              >
                <option value="auto">As the model likes</option>
                <option value="required">At least one</option>
                <option value="none">None</option>
              </Select>
            )}
          </Field>
        </Group>
      )}
      <Group title="Template variables">
        <JsonField
          label="Template variables"
          help="Passed to the chat template (chat_template_kwargs)."
          example='{ "enable_thinking": false }'
          value={settings.templateVariables}
          problem={problems.templateVariables}
          onChange={(templateVariables) => onChange({ templateVariables })}
        />
      </Group>
    </>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="space-y-4 border-b border-line p-4 last:border-b-0">
      <h3 className="text-xs font-semibold tracking-wide text-ink-faint">{title}</h3>
      {children}
    </section>
  );
}

interface JsonFieldProps {
  label: string;
  help: string;
  example: string;
  value: string;
  problem: string | undefined;
  onChange: (value: string) => void;
}

function JsonField({ label, help, example, value, problem, onChange }: JsonFieldProps) {
  return (
    <Field label={label} hideLabel help={help} error={problem}>
      {(ids) => (
        <Textarea
          {...ids}
          rows={3}
          spellCheck={false}
          className="field-sizing-content max-h-80 min-h-20 font-mono text-xs"
          placeholder={example}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
