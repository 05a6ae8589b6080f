import { describe, expect, it } from "vitest";
import { readLedger } from "./ledger";

const line = (owner: string, reserved: number, measured = 0) => ({
  owner,
  estimated_bytes: reserved,
  reserved_bytes: reserved,
  measured_bytes: measured,
  peak_bytes: measured,
});

const memory = (lines: ReturnType<typeof line>[], budget: number, free: number) => {
  const reserved = lines.reduce((sum, one) => sum + one.reserved_bytes, 0);
  return {
    machine_bytes: 2 * budget,
    available_bytes: budget,
    budget_bytes: budget,
    reserved_bytes: reserved,
    promised_bytes: 0,
    free_bytes: free,
    lines,
  };
};

describe("readLedger", () => {
  it("tells engines from jobs and names what is neither as it is", () => {
    const { holders } = readLedger(
      memory([line("engine a-b c", 10), line("job 0190", 20), line("cache", 5)], 100, 65),
    );
    expect(holders.map(({ kind, name }) => [kind, name])).toEqual([
      ["engine", "a-b c"],
      ["job", "0190"],
      ["other", "cache"],
    ]);
  });

  it("counts what is neither reserved nor free as held elsewhere", () => {
    expect(readLedger(memory([line("job 1", 30)], 100, 50)).elsewhereBytes).toBe(20);
    expect(readLedger(memory([], 100, 100)).elsewhereBytes).toBe(0);
  });

  it("stretches the bar where more than the budget is reserved", () => {
    const ledger = readLedger(memory([line("job 1", 130)], 100, 0));
    expect(ledger.totalBytes).toBe(130);
    expect(ledger.elsewhereBytes).toBe(0);
  });

  it("gives two lines of one owner keys and colours of their own", () => {
    const { holders } = readLedger(memory([line("engine a", 1), line("engine a", 2)], 100, 97));
    expect(new Set(holders.map((holder) => holder.key)).size).toBe(2);
    expect(new Set(holders.map((holder) => holder.color)).size).toBe(2);
  });

  it("keeps an owner's colour when others come after it", () => {
    const alone = readLedger(memory([line("engine a", 1)], 100, 99)).holders[0];
    const first = readLedger(memory([line("engine a", 1), line("job 2", 1)], 100, 98)).holders[0];
    expect(first?.color).toBe(alone?.color);
  });
});
