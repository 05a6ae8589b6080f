/** One line of a log: the hub's own have a time, a level and fields; those of libraries are whatever they print. */
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

/** "2026-11-29T12:00:00.123Z info metric job_id=… step=50 train_loss=1.31" */
const hubLine = /^(\d{4}-\d\d-\d\dT\S+Z) (debug|info|warning|error) (\S+)(?: (.*))?$/;
/** The same in every line. */
const ownId = /^job_id=\S+ ?/;
const onlyMessage = /^message=("(?:[^"\\]|\\.)*"|\S*)$/;

/** A line of the hub's own; null for any other. */
export function recordOf(line: string): LogRecord | null {
  const [, time, level, event, rest = ""] = hubLine.exec(line) ?? [];
  if (time === undefined || level === undefined || event === undefined) return null;
  const fields = rest.replace(ownId, "");
  const message = onlyMessage.exec(fields)?.[1];
  if (message === undefined) return { time, level, event, message: "", fields };
  return { time, level, event, message: unquoted(message), fields: "" };
}

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
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
