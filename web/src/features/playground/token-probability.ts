import type { TokenProbability } from "./answer";

export const probability = (logprob: number): number => Math.exp(logprob);

/** How sure the model was of a token, in steps that colours can show. */
export interface Band {
  name: string;
  /** The least probability of it. */
  from: number;
  /** Colour, and a line below it that grows stronger with the doubt: colour alone says nothing to some. */
  className: string;
}

export const bands: readonly [Band, ...Band[]] = [
  { name: "90 % and more", from: 0.9, className: "bg-good-soft text-good" },
  {
    name: "50 to 90 %",
    from: 0.5,
    className: "bg-accent-soft text-accent-strong underline decoration-dotted",
  },
  {
    name: "20 to 50 %",
    from: 0.2,
    className: "bg-warn-soft text-warn underline decoration-dashed",
  },
  {
    name: "below 20 %",
    from: 0,
    className: "bg-bad-soft text-bad underline decoration-wavy",
  },
];

export function bandOf({ logprob }: TokenProbability): Band {
  const share = probability(logprob);
  return bands.find(({ from }) => share >= from) ?? bands[0];
}

/** A token for the eye: white space gets a sign, for a token may be nothing else. */
export function visibleToken(token: string): string {
  return token
    .replaceAll(" ", "␣")
    .replaceAll("\n", "↵")
    .replaceAll("\t", "⇥")
    .replaceAll("\r", "␍");
}

/** exp of the mean negative log probability: 1 is certain. */
export function perplexity(tokens: TokenProbability[]): number | null {
  if (tokens.length === 0) return null;
  return Math.exp(-tokens.reduce((sum, { logprob }) => sum + logprob, 0) / tokens.length);
}
