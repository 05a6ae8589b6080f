import { useDeferredValue } from "react";
import type { BareFetcher, Middleware } from "swr";

/** A page's first requests begin one after another, with room for the browser's own work between them. */
const inATaskOfItsOwn =
  <Data>(fetcher: BareFetcher<Data>): BareFetcher<Data> =>
  async (...given: unknown[]) => {
    await new Promise((resolve) => setTimeout(resolve));
    return fetcher(...given);
  };

/**
 * SWR middleware: React renders what came in short parts and keeps answering the person meanwhile. SWR itself renders
 * it at once, which on a phone stops the page for a tenth of a second for each of the first answers.
 */
export const renderInParts: Middleware = (useNext) => (key, fetcher, config) => {
  const answer = useNext(key, fetcher && inATaskOfItsOwn(fetcher), config);
  const data = useDeferredValue<unknown>(answer.data);
  const error = useDeferredValue<unknown>(answer.error);
  const isComing = data === undefined && answer.data !== undefined;
  // Not a copy of the values: SWR renders anew for those that were read.
  return Object.defineProperties({} as typeof answer, {
    ...Object.getOwnPropertyDescriptors(answer),
    data: { value: data, enumerable: true },
    error: { value: error, enumerable: true },
    isLoading: { get: () => isComing || answer.isLoading, enumerable: true },
  });
};
