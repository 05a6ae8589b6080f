"use client";

import { Check } from "lucide-react";
import { useHub } from "@/api/client";
import { LinkButton } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/states";

/** What to do first, while the hub has done no job. */
export function FirstSteps() {
  const models = useHub("/models", { params: { query: { limit: 200 } } }).data?.data;
  const datasets = useHub("/datasets", { params: { query: { limit: 1 } } }).data?.data;
  if (!models || !datasets) return <Skeleton className="h-72" />;
  const hasModel = models.some((model) => model.state === "ready");
  const hasData = datasets.length > 0;
  return (
    <ol className="grid gap-5">
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
        done={hasData}
        title="Add data"
        text="Chats, questions with answers, or plain text: JSON Lines, CSV or Parquet."
        href="/datasets/"
        action={hasData ? "See the data" : "Add a data set"}
      />
      <Step
        number={3}
        title="Train and chat"
        text="Fine-tune on the data and watch the loss, then ask the result."
        href={hasModel && !hasData ? "/playground/" : "/train/"}
        action={hasModel && !hasData ? "Chat with a model" : "Train a model"}
      />
    </ol>
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
        <LinkButton href={href} size="small" look={done ? "plain" : "primary"}>
          {action}
        </LinkButton>
      </div>
    </li>
  );
}
