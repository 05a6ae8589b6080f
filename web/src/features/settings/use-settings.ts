"use client";

import { api, useHub } from "@/api/client";
import { useAction } from "@/api/action";
import type { Setting } from "./setting-words";

/** The hub's settings, and changing one: shown at once, taken back when the hub refuses. */
export function useSettings() {
  const { data, error, mutate } = useHub("/settings");
  const change = useAction(async (name: string, value: Setting["value"] | null) => {
    await mutate(
      async (before) => {
        const { data: after } = await api.PATCH("/settings", { body: { [name]: value } });
        return after ?? before;
      },
      {
        optimisticData: (before, shown) => {
          const settings = before ?? shown ?? { data: [], next_cursor: null };
          return { ...settings, data: settings.data.map((one) => changed(one, name, value)) };
        },
        rollbackOnError: true,
        revalidate: false,
      },
    );
  });
  return { settings: data?.data, error, retry: () => void mutate(), change };
}

function changed(setting: Setting, name: string, value: Setting["value"] | null): Setting {
  if (setting.name !== name) return setting;
  return { ...setting, value: value ?? setting.default, changed: value !== null };
}
