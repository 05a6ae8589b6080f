import { formatDuration, formatNumber } from "@/format";
import { tokensPerSecond, type Answer } from "./answer";

const reasons: Record<string, string> = {
  stop: "ended by itself",
  length: "cut off at the most tokens",
  tool_calls: "called a tool",
  content_filter: "filtered",
};

/** What an answer cost and how fast it came. */
export function AnswerFigures({ answer }: { answer: Answer }) {
  const { usage, firstTokenMs, finishReason, state } = answer;
  const speed = tokensPerSecond(answer);
  const figures: [name: string, value: string][] = [];
  if (usage) {
    figures.push(["prompt", `${formatNumber(usage.promptTokens)} tokens`]);
    figures.push(["answer", `${formatNumber(usage.completionTokens)} tokens`]);
  }
  if (firstTokenMs !== null) {
    const load = answer.cold ? " with the load" : "";
    figures.push(["first token", formatDuration(firstTokenMs / 1000) + load]);
  }
  if (speed !== null) figures.push(["speed", `${formatNumber(speed, 1)} tok/s`]);
  if (state === "stopped") figures.push(["end", "stopped by you"]);
  else if (finishReason) figures.push(["end", reasons[finishReason] ?? finishReason]);
  if (figures.length === 0) return null;
  return (
    <dl className="flex flex-wrap gap-x-4 gap-y-1 text-xs text-ink-faint tabular-nums">
      {figures.map(([name, value]) => (
        <div key={name} className="flex gap-1">
          <dt>{name}</dt>
          <dd className="text-ink-soft">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
