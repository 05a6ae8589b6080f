"use client";

import useSWR from "swr";
import { expectOk, hubFetch } from "@/api/client";
import { readTokenCounts, remember, tokenRates, type TokenCounts } from "./token-counts";

let history: TokenCounts[] = [];

async function readRates(): Promise<Record<string, number>> {
  const response = await expectOk(await hubFetch("/metrics"));
  history = remember(history, readTokenCounts(await response.text(), performance.now()));
  return tokenRates(history);
}

/** Tokens a second by model, while any engine is there; the hub counts tokens, and two looks make a rate. */
export function useTokenRates(anyEngine: boolean): Record<string, number> | undefined {
  const { data } = useSWR(anyEngine ? ["metrics", "/metrics"] : null, readRates, {
    refreshInterval: 2_000,
  });
  return data;
}
