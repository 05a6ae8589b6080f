import clsx from "clsx";
import { formatDuration, formatNumber } from "@/format";
import { tokensPerSecond, type Answer } from "./answer";

/** What an answer cost, how fast it came and why it ended. */
export function AnswerFigures({ answer }: { answer: Answer }) {
  const { usage, firstTokenMs, finishReason, state, cold } = answer;
  const speed = tokensPerSecond(answer);
  const guessed = usage ? usage.acceptedTokens + usage.rejectedTokens : 0;
  return (
    <dl className="flex flex-wrap gap-x-3 gap-y-1 text-xs text-ink-faint tabular-nums">
      {usage && (
        <>
          <Figure
            name="prompt"
            value={
              formatNumber(usage.promptTokens) +
              (usage.cachedTokens > 0 ? `, ${formatNumber(usage.cachedTokens)} cached` : "")
            }
          />
          <Figure name="answer" value={`${formatNumber(usage.completionTokens)} tokens`} />
          {guessed > 0 && (
            <Figure
              name="guessed"
              title="Tokens that were guessed and came, of all that were guessed: they come several at once"
              value={`${formatNumber(usage.acceptedTokens)} of ${formatNumber(guessed)}`}
            />
          )}
        </>
      )}
      {firstTokenMs !== null && (
        <Figure
          name="TTFT"
          title="Time to the first token"
          value={formatDuration(firstTokenMs / 1000) + (cold ? ", with the load" : "")}
        />
      )}
      {speed !== null && (
        <Figure name="speed" hidesName value={`${formatNumber(speed, 1)} tok/s`} />
      )}
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

interface FigureProps {
  name: string;
  /** What a short name means. */
  title?: string;
  value: string;
  /** The unit says it to those who see. */
  hidesName?: boolean;
  warns?: boolean;
}

function Figure({ name, title, value, hidesName, warns }: FigureProps) {
  return (
    <div className="flex gap-1">
      <dt title={title} className={clsx(hidesName && "sr-only")}>
        {name}
      </dt>
      <dd className={clsx("font-medium", warns ? "text-warn" : "text-ink-soft")}>{value}</dd>
    </div>
  );
}
