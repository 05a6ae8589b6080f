import type { Schemas } from "@/api/client";

export interface MemoryPart {
  id: string;
  label: string;
  bytes: number;
}

type Memory = Schemas["FinetuneMemory"];

/**
 * What a job's processes hold at their highest, part by part: the arrays of whichever phase holds more, and what a
 * process has beside them. `estimated` is that of all processes on this machine.
 */
export function memoryParts(memory: Memory, estimated: number): MemoryPart[] {
  const processes = memory.process_bytes > 0 ? estimated / memory.process_bytes : 1;
  const backward: MemoryPart[] = [
    { id: "activations", label: "Activations", bytes: memory.activations },
    { id: "working", label: "Logits and working set", bytes: memory.working },
    { id: "ahead", label: "Ahead of the GPU", bytes: memory.ahead },
  ];
  const update: MemoryPart[] = [
    { id: "gradients", label: "Gradients", bytes: memory.gradients },
    { id: "updated", label: "New values", bytes: memory.updated },
  ];
  const parts: MemoryPart[] = [
    { id: "weights", label: "Base weights", bytes: memory.weights },
    { id: "trained", label: "Trained", bytes: memory.trained },
    { id: "optimizer", label: "Optimizer", bytes: memory.optimizer },
    { id: "accumulated", label: "Summed gradients", bytes: memory.accumulated },
    ...(sum(backward) >= sum(update) ? backward : update),
    {
      id: "process",
      label: "The process itself",
      bytes: memory.process_bytes - memory.array_bytes,
    },
  ];
  return parts
    .filter(({ bytes }) => bytes > 0)
    .map((part) => ({ ...part, bytes: part.bytes * processes }));
}

const sum = (parts: MemoryPart[]): number => parts.reduce((all, { bytes }) => all + bytes, 0);
