import clsx from "clsx";
import { CircleCheck, OctagonAlert, TriangleAlert } from "lucide-react";
import { systemHints, type Hint } from "./hints";
import type { System } from "./use-system";

/** What somebody should know and can do something about, or that all is well. */
export function HintsList({ system }: { system: System }) {
  const hints = systemHints(system);
  return (
    <div aria-live="polite">
      {hints.length === 0 ? (
        <p className="flex items-center gap-2.5 text-sm">
          <CircleCheck size={17} aria-hidden className="shrink-0 text-good" />
          Memory, temperature and connections are well.
        </p>
      ) : (
        <ul className="space-y-3">
          {hints.map((hint) => (
            <HintLine key={hint.key} hint={hint} />
          ))}
        </ul>
      )}
    </div>
  );
}

function HintLine({ hint }: { hint: Hint }) {
  const Icon = hint.tone === "bad" ? OctagonAlert : TriangleAlert;
  return (
    <li className="flex gap-2.5 text-sm">
      <Icon
        size={17}
        aria-hidden
        className={clsx("mt-0.5 shrink-0", hint.tone === "bad" ? "text-bad" : "text-warn")}
      />
      <div className="min-w-0">
        <p className="font-medium">{hint.title}</p>
        <p className="break-words text-ink-soft">{hint.advice}</p>
      </div>
    </li>
  );
}
