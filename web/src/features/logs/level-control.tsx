"use client";

import { api, useHub } from "@/api/client";
import { useAction } from "@/api/action";
import { Field, Select } from "@/components/ui/field";
import { logLevels, type LogLevel } from "./log-filter";

/** From which level up the hub writes at all. */
export function LevelControl() {
  const { data, mutate } = useHub("/logs/level");
  const change = useAction(
    async (level: LogLevel) => {
      await mutate(
        async (before) => {
          const { data: after } = await api.PUT("/logs/level", { body: { level } });
          return after ?? before;
        },
        {
          optimisticData: (before) => ({ configured: level, ...before, level }),
          rollbackOnError: true,
          revalidate: false,
        },
      );
      return level;
    },
    {
      done: (level) => `The hub writes ${level} and worse, until its next start`,
      failed: "The level could not be changed",
    },
  );
  return (
    <div className="flex items-center gap-2 text-sm">
      <span aria-hidden className="whitespace-nowrap text-ink-faint">
        The hub writes
      </span>
      <Field label="From which level up the hub writes" hideLabel className="w-44">
        {(ids) => (
          <Select
            {...ids}
            value={data?.level ?? ""}
            disabled={!data || change.busy}
            onChange={(event) => {
              const level = logLevels.find((one) => one === event.target.value);
              if (level) void change.run(level);
            }}
          >
            {!data && <option value="">…</option>}
            {logLevels.map((level) => (
              <option key={level} value={level}>
                {levelWords(level)}
              </option>
            ))}
          </Select>
        )}
      </Field>
    </div>
  );
}

const levelWords = (level: LogLevel): string =>
  level === "error" ? "errors only" : `${level} and worse`;
