"use client";

import { useHub } from "@/api/client";
import { Link } from "@/components/ui/link";
import { Skeleton } from "@/components/ui/states";
import type { System } from "@/features/system/use-system";
import { formatBytes, plural } from "@/format";
import { modelIdHref } from "@/links";
import { whatFits } from "./what-fits";

const mostShown = 4;

/** The models that could be loaded now beside what is there. */
export function FittingModels({ system }: { system: System }) {
  const { data } = useHub("/models", { params: { query: { limit: 200 } } });
  return (
    <div className="min-w-0 text-sm">
      <h3 className="mb-1 text-xs font-medium text-ink-faint">What would fit now</h3>
      {data ? <Models system={system} models={data.data} /> : <Skeleton className="h-7" />}
    </div>
  );
}

function Models({ system, models }: { system: System; models: Parameters<typeof whatFits>[0] }) {
  const loaded = new Set(system.engines.map((engine) => engine.version_id));
  const { fit, tooLarge } = whatFits(models, system.memory.free_bytes, loaded);
  const more = fit.length - mostShown;
  return (
    <>
      <ul className="space-y-1">
        {fit.slice(0, mostShown).map(({ id, name, bytes }) => (
          <li key={id} className="flex gap-4 py-1">
            <Link href={modelIdHref(id)} className="min-w-0 flex-1 truncate hover:underline">
              {name}
            </Link>
            <span className="whitespace-nowrap text-ink-soft tabular-nums">
              {formatBytes(bytes)}
            </span>
          </li>
        ))}
      </ul>
      <p className="text-xs text-ink-faint">{rest(fit.length, more, tooLarge)}</p>
    </>
  );
}

function rest(fitting: number, more: number, tooLarge: number): string {
  if (fitting + tooLarge === 0) return "There is no other model to load.";
  const parts = [
    ...(fitting === 0 ? ["None of the others."] : []),
    ...(more > 0 ? [`${plural(more, "other model")} would fit, too.`] : []),
    ...(tooLarge > 0
      ? [`${plural(tooLarge, "model needs", "models need")} more than is free.`]
      : []),
  ];
  return parts.join(" ");
}
