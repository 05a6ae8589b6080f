/** One line of a log: the hub's own are JSON, those of libraries are whatever they print. */
export interface LogRecord {
  time: string;
  level: string;
  event: string;
  message: string;
  /** What else it says: "step=50 train_loss=1.31". */
  fields: string;
}

/** The lines of a text; the last needs no end. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Known of every line of a job's log. */
const sameInAll = new Set(["time", "level", "event", "message", "process", "job_id"]);

const asText = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);

/** A line of the hub's own; null for any other. */
export function recordOf(line: string): LogRecord | null {
  if (!line.startsWith("{")) return null;
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof json !== "object" || json === null) return null;
  const record = json as Record<string, unknown>;
  const { time, level, event, message } = record;
  if (typeof time !== "string" || typeof level !== "string" || typeof event !== "string") {
    return null;
  }
  return {
    time,
    level,
    event,
    message: typeof message === "string" ? message : "",
    fields: Object.entries(record)
      .filter(([name]) => !sameInAll.has(name))
      .map(([name, value]) => `${name}=${asText(value)}`)
      .join(" "),
  };
}

/** Which lines contain all words, whatever their case; all lines where there is no word. */
export function matching(lines: readonly string[], query: string): number[] | null {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  const found: number[] = [];
  lines.forEach((line, index) => {
    const text = line.toLowerCase();
    if (words.every((word) => text.includes(word))) found.push(index);
  });
  return found;
}
