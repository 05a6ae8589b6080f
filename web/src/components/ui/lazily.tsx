"use client";

import {
  lazy,
  Suspense,
  useEffect,
  useState,
  useSyncExternalStore,
  type ComponentType,
  type ReactNode,
} from "react";

const never = () => () => {};

/** False in the page's HTML and while React takes that over, true from then on. */
const useIsInBrowser = (): boolean =>
  useSyncExternalStore(
    never,
    () => true,
    () => false,
  );

/**
 * A component whose code comes when it is first shown; `meanwhile` holds its place, in the page's HTML, too. For what
 * is not seen at once: dialogs, tabs, what lies further down. (`next/dynamic` does the same with more code, of which
 * every page would load 1.5 kB.)
 */
export function lazily<Props extends object>(
  load: () => Promise<ComponentType<Props>>,
  meanwhile: ReactNode = null,
): ComponentType<Props> {
  const Content = lazy(async () => ({ default: await load() }));
  return function Lazily(props: Props) {
    return (
      <Suspense fallback={meanwhile}>
        {useIsInBrowser() ? <Content {...props} /> : meanwhile}
      </Suspense>
    );
  };
}

/** By then a page shows what it has. */
const settledMs = 3_000;

/**
 * Loads what a click will need once the page has settled: the click finds it there, also while the hub does not answer.
 * `load` is one function, made outside of the component.
 */
export function useLoadedLater(load: () => Promise<unknown>): void {
  useEffect(() => {
    // When this fails, the click tries again.
    const timer = setTimeout(() => void load().catch(() => {}), settledMs);
    return () => clearTimeout(timer);
  }, [load]);
}

/** Whether this holds or ever did: a dialog stays once it was open, so that closing it gives the focus back. */
export function useHasBeen(condition: boolean): boolean {
  const [has, setHas] = useState(condition);
  if (condition && !has) setHas(true);
  return has || condition;
}
