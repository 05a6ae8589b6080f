"use client";

import { Check } from "lucide-react";
import { useHub } from "@/api/client";
import { LinkButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import type { System } from "@/features/system/use-system";

/** What to do first, while the hub has no data sets and has done no job. */
export function FirstSteps({ system }: { system: System | undefined }) {
  const models = useHub("/models", { params: { query: { limit: 200 } } }).data?.data;
  const datasets = useHub("/datasets", { params: { query: { limit: 1 } } }).data?.data;
  if (!system || !models || !datasets) return null;
  const anyJob = Object.values(system.jobs).some((count) => count > 0);
  if (anyJob || datasets.length > 0) return null;
  const hasModel = models.some((model) => model.state === "ready");
  return (
    <Card title="First steps" className="mb-4">
      <ol className="grid gap-6 md:grid-cols-3">
        <Step
          number={1}
          done={hasModel}
          title="Get a model"
          text="Pull one from the Hugging Face Hub, or register a folder of this machine."
          href="/models/"
          action={hasModel ? "See the models" : "Add a model"}
        />
        <Step
          number={2}
          title="Add data"
          text="Chats, questions with answers, or plain text: JSON Lines, CSV or Parquet."
          href="/datasets/"
          action="Add a data set"
        />
        <Step
          number={3}
          title="Train and chat"
          text="Fine-tune on the data and watch the loss, then ask the result."
          href={hasModel ? "/playground/" : "/train/"}
          action={hasModel ? "Chat with a model" : "Train a model"}
        />
      </ol>
    </Card>
  );
}

interface StepProps {
  number: number;
  done?: boolean;
  title: string;
  text: string;
  href: string;
  action: string;
}

function Step({ number, done, title, text, href, action }: StepProps) {
  return (
    <li className="flex gap-3">
      <span className="flex size-7 shrink-0 items-center justify-center rounded-full bg-accent-soft text-sm font-semibold text-accent-strong">
        {done ? <Check size={15} aria-label="Done" /> : number}
      </span>
      <div className="min-w-0 text-sm">
        <h3 className="font-medium">{title}</h3>
        <p className="mt-0.5 mb-3 text-ink-soft">{text}</p>
        <LinkButton href={href} prefetch={false} size="small" look={done ? "plain" : "primary"}>
          {action}
        </LinkButton>
      </div>
    </li>
  );
}
