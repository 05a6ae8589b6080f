"use client";

import { Pin, PinOff, Power } from "lucide-react";
import type { Schemas } from "@/api/client";
import { api } from "@/api/client";
import { useAction } from "@/api/action";
import { Button, IconButton } from "@/components/ui/button";
import { useEngines } from "./engines";

interface EngineControlsProps {
  /** What requests name it by. */
  value: string;
  engine: Schemas["Engine"] | undefined;
  small?: boolean;
}

/** Loads and unloads what serves a model, and keeps it loaded. */
export function EngineControls({ value, engine, small }: EngineControlsProps) {
  const { mutate } = useEngines();
  const size = small ? "small" : "normal";
  const params = { path: { model: value } };
  const load = useAction(
    async () => {
      // The call answers when it is ready; meanwhile the list shows it as loading.
      await api.POST("/engines/{model}/load", { params });
      await mutate();
    },
    { done: `${value} is loaded`, failed: `${value} could not be loaded` },
  );
  const unload = useAction(
    async () => {
      await api.POST("/engines/{model}/unload", { params });
      await mutate();
    },
    { done: `${value} is unloaded`, failed: `${value} could not be unloaded` },
  );
  const pin = useAction(
    (pinned: boolean) =>
      mutate(
        async (current) => {
          await api.POST("/engines/{model}/pin", { params, body: { pinned } });
          return current && withPin(current, engine?.version_id, pinned);
        },
        {
          optimisticData: (current) =>
            withPin(current ?? { data: [], next_cursor: null }, engine?.version_id, pinned),
          rollbackOnError: true,
        },
      ),
    { failed: "That was not changed" },
  );
  if (!engine) {
    return (
      <Button size={size} busy={load.busy} onClick={() => void load.run()}>
        <Power size={15} aria-hidden />
        {load.busy ? "Loading" : "Load"}
      </Button>
    );
  }
  return (
    <>
      <Button
        size={size}
        busy={unload.busy || engine.state !== "ready"}
        title={engine.adapters.length > 0 ? "Its adapters are unloaded with it" : undefined}
        onClick={() => void unload.run()}
      >
        <Power size={15} aria-hidden />
        {unload.busy ? "Unloading" : engine.state === "ready" ? "Unload" : "Loading"}
      </Button>
      <IconButton
        label={
          engine.pinned
            ? "Let it be unloaded to make room"
            : "Keep it loaded, never make room of it"
        }
        aria-pressed={engine.pinned}
        className={engine.pinned ? "text-accent" : undefined}
        onClick={() => void pin.run(!engine.pinned)}
      >
        {engine.pinned ? <PinOff size={16} aria-hidden /> : <Pin size={16} aria-hidden />}
      </IconButton>
    </>
  );
}

type Engines = NonNullable<ReturnType<typeof useEngines>["data"]>;

function withPin(engines: Engines, versionId: string | undefined, pinned: boolean): Engines {
  return {
    ...engines,
    data: engines.data.map((one) => (one.version_id === versionId ? { ...one, pinned } : one)),
  };
}
