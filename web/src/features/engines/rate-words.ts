import { formatNumber } from "@/format";

/** Tokens a second: tenths only where they matter. */
export const formatRate = (rate: number | null | undefined): string =>
  formatNumber(rate, rate != null && rate > 0 && rate < 10 ? 1 : 0);
