import clsx from "clsx";
import { formatDuration, formatNumber } from "@/format";
import { tokensPerSecond, type Answer } from "./answer";

/** What an answer cost, how fast it came and why it ended. */
export function AnswerFigures({ answer }: { answer: Answer }) {
  const { usage, firstTokenMs, finishReason, state, cold } = answer;
  const speed = tokensPerSecond(answer);
  return (
    <dl className="flex flex-wrap gap-x-3 gap-y-1 text-xs text-ink-faint tabular-nums">
      {usage && (
        <>
          <Figure name="prompt" value={formatNumber(usage.promptTokens)} />
          <Figure name="answer" value={`${formatNumber(usage.completionTokens)} tokens`} />
        </>
      )}
      {firstTokenMs !== null && (
        <Figure
          name="first token"
          value={formatDuration(firstTokenMs / 1000) + (cold ? ", with the load" : "")}
        />
      )}
      {speed !== null && <Figure name="speed" value={`${formatNumber(speed, 1)} tok/s`} />}
      {state === "stopped" ? (
        <Figure name="finish" value="stopped by you" />
      ) : (
        finishReason && (
          <Figure name="finish" value={finishReason} warns={finishReason === "length"} />
        )
      )}
    </dl>
  );
}

function Figure({ name, value, warns }: { name: string; value: string; warns?: boolean }) {
  return (
    <div className="flex gap-1">
      <dt>{name}</dt>
      <dd className={clsx("font-medium", warns ? "text-warn" : "text-ink-soft")}>{value}</dd>
    </div>
  );
}
