"use client";

import { Download } from "lucide-react";
import { useId, useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { CopyButton } from "@/components/ui/copy-button";
import { Choice } from "@/components/ui/tabs";
import { saveFile } from "@/save-file";
import {
  draftOfText,
  isProblem,
  notInLoraConfig,
  textOfDraft,
  type Dialect,
  type TextProblem,
} from "./config/config-text";
import type { Computed } from "./config/lora-config";
import type { Draft } from "./draft";
import type { Plan } from "./use-plan";

const dialects: { id: Dialect; label: string }[] = [
  { id: "mlx-lm", label: "mlx-lm" },
  { id: "hub", label: "Everything" },
];

const computedOf = (plan: Plan | null): Computed | null =>
  plan && {
    batchSize: plan.batch_size,
    accumulation: plan.grad_accumulation_steps,
    steps: plan.steps,
  };

interface YamlViewProps {
  draft: Draft;
  plan: Plan | null;
  onDraft: (draft: Draft) => void;
}

interface Text {
  text: string;
  /** What the text was made of, or was read into. */
  draft: Draft;
  plan: Plan | null;
  dialect: Dialect;
  edited: boolean;
  problem: TextProblem | null;
}

function freshText(dialect: Dialect, draft: Draft, plan: Plan | null): Text {
  const text = textOfDraft(dialect, draft, computedOf(plan));
  return { text, draft, plan, dialect, edited: false, problem: null };
}

/** The job as a YAML text that can be edited; what can be read of it is in the form at once. */
export function YamlView({ draft, plan, onDraft }: YamlViewProps) {
  const [shown, setShown] = useState(() => freshText("mlx-lm", draft, plan));
  // Settings that came from elsewhere (a preset, a fix), or figures for a text that nobody has touched.
  if (shown.draft !== draft || (!shown.edited && shown.plan !== plan)) {
    setShown(freshText(shown.dialect, draft, plan));
  }
  const edit = (text: string): void => {
    const result = draftOfText(shown.dialect, text, draft);
    if (isProblem(result)) {
      setShown({ ...shown, text, edited: true, problem: result });
      return;
    }
    setShown({ ...shown, text, edited: true, problem: null, draft: result });
    onDraft(result);
  };
  const missing = shown.dialect === "mlx-lm" ? notInLoraConfig(draft, computedOf(plan)) : [];
  const fileName = shown.dialect === "mlx-lm" ? "lora_config.yaml" : "job.yaml";
  return (
    <Card
      title={fileName}
      actions={
        <Choice
          label="Form of the text"
          options={dialects}
          selected={shown.dialect}
          onSelect={(dialect) => setShown(freshText(dialect, draft, plan))}
        />
      }
    >
      <div className="space-y-3">
        <Editor text={shown.text} problem={shown.problem} label={fileName} onEdit={edit} />
        {missing.length > 0 && (
          <p className="text-xs text-ink-soft">
            Not in mlx-lm&apos;s file, and kept as they are:{" "}
            <code className="font-mono">{missing.join(", ")}</code>
          </p>
        )}
        <div className="flex flex-wrap gap-2">
          <CopyButton text={shown.text} label="Copy" />
          <Button
            size="small"
            onClick={() => saveFile(fileName, new Blob([shown.text], { type: "application/yaml" }))}
          >
            <Download size={15} aria-hidden />
            Save as a file
          </Button>
        </div>
      </div>
    </Card>
  );
}

interface EditorProps {
  text: string;
  problem: TextProblem | null;
  label: string;
  onEdit: (text: string) => void;
}

/** A text with numbered lines; the one that cannot be read is marked. */
function Editor({ text, problem, label, onEdit }: EditorProps) {
  const problemId = useId();
  const count = text.split("\n").length;
  return (
    <div>
      <div className="flex overflow-hidden rounded-lg border border-line-strong/60 bg-raised font-mono text-xs leading-5">
        <ol aria-hidden className="shrink-0 bg-sunken py-2 text-right text-ink-faint select-none">
          {Array.from({ length: count }, (_, index) => (
            <li
              key={index}
              className={
                problem?.line === index + 1 ? "bg-bad-soft px-2 font-semibold text-bad" : "px-2"
              }
            >
              {index + 1}
            </li>
          ))}
        </ol>
        <textarea
          aria-label={label}
          aria-invalid={problem ? true : undefined}
          aria-describedby={problemId}
          wrap="off"
          spellCheck={false}
          autoComplete="off"
          rows={count}
          value={text}
          onChange={(event) => onEdit(event.target.value)}
          className="min-w-0 flex-1 resize-none overflow-x-auto overflow-y-hidden bg-transparent px-3 py-2 -outline-offset-2"
        />
      </div>
      <p id={problemId} role="status" className="mt-1.5 min-h-4 text-xs text-bad">
        {problem &&
          `${problem.line === null ? "" : `Line ${problem.line}: `}${problem.message}. The job is as it was before.`}
      </p>
    </div>
  );
}
