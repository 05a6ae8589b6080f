import { Card, Facts } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/states";
import { formatBytes, formatNumber, formatTime, plural } from "@/format";
import type { System } from "./use-system";

/** What the hub runs on. */
export function MachineCard({ system }: { system: System | undefined }) {
  return (
    <Card title="Machine" className="min-h-64">
      {system ? <Facts facts={factsOf(system)} /> : <Skeleton className="h-48" />}
    </Card>
  );
}

function factsOf({ version, time, machine, memory, temperature, events }: System) {
  const known: Record<string, unknown> = machine;
  const text = (name: string): string => {
    const value = known[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : "–";
  };
  const facts: [string, string][] = [
    ["Hub", `version ${version}`],
    ["System", `${text("system")}, ${text("architecture")}`],
    ["Processor", plural(Number(text("cores")), "core")],
    ["Memory", formatBytes(memory.machine_bytes)],
    ["Available", `${formatBytes(memory.available_bytes)} to new programs`],
    ["Temperature", temperatureWords(temperature)],
    ["Its clock", formatTime(time)],
    ["Events", `${formatNumber(events.last_seq)} so far`],
  ];
  return facts;
}

function temperatureWords({
  celsius,
  sensor,
  limit_celsius: limit,
  resting,
}: System["temperature"]) {
  if (celsius == null) return "no sensor can be read";
  const rest = resting ? "; jobs rest now" : limit > 0 ? `; jobs rest from ${limit} °C on` : "";
  return `${formatNumber(celsius, 1)} °C${sensor ? ` (${sensor})` : ""}${rest}`;
}
