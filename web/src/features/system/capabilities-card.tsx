import { Check, Minus } from "lucide-react";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/states";
import type { System } from "./use-system";

const names: Record<string, string> = {
  api_keys: "API keys",
  finetune_methods: "Fine-tuning",
  json_schema: "Answers by JSON schema",
  mlflow: "MLflow",
  pull: "Pull from the Hugging Face Hub",
  tools: "Tool calls",
};

/** What this hub can do; clients switch by the same list. */
export function CapabilitiesCard({ system }: { system: System | undefined }) {
  return (
    <Card title="Capabilities" className="min-h-40">
      {system ? (
        <ul className="grid gap-x-6 gap-y-1.5 text-sm sm:grid-cols-2">
          {Object.entries<unknown>(system.capabilities).map(([name, value]) => (
            <Capability key={name} name={nameOf(name)} value={value} />
          ))}
        </ul>
      ) : (
        <Skeleton className="h-24" />
      )}
    </Card>
  );
}

const nameOf = (word: string): string =>
  names[word] ?? `${word.charAt(0).toUpperCase()}${word.slice(1).replaceAll("_", " ")}`;

function Capability({ name, value }: { name: string; value: unknown }) {
  const there = value !== false && value !== null;
  return (
    <li className="flex items-center gap-2">
      {there ? (
        <Check size={15} className="shrink-0 text-good" aria-hidden />
      ) : (
        <Minus size={15} className="shrink-0 text-ink-faint" aria-hidden />
      )}
      <span className={there ? undefined : "text-ink-faint"}>
        {name}
        {Array.isArray(value) && `: ${value.join(", ")}`}
        {!there && <span className="text-xs"> (not in this version)</span>}
      </span>
    </li>
  );
}
