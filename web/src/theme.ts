export type Theme = "light" | "dark";

const storageName = "mlx-hub-theme";

/** Runs in the page's head, before anything is painted; so it is a text. */
export const themeScript = `(()=>{let t;try{t=localStorage.getItem(${JSON.stringify(storageName)})}catch{}document.documentElement.dataset.theme=t==="light"||t==="dark"?t:matchMedia("(prefers-color-scheme: dark)").matches?"dark":"light"})()`;

export function currentTheme(): Theme {
  return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
}

/** Remembers a choice against the system's; with the system's own the page follows the system again. */
export function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  if (theme === systemTheme().theme) window.localStorage.removeItem(storageName);
  else window.localStorage.setItem(storageName, theme);
}

function systemTheme(): { query: MediaQueryList; theme: Theme } {
  const query = window.matchMedia("(prefers-color-scheme: dark)");
  return { query, theme: query.matches ? "dark" : "light" };
}

/** Follows the system when it turns light or dark, unless the person chose. Gives back what ends it. */
export function followSystemTheme(): () => void {
  const { query } = systemTheme();
  const turned = (): void => {
    if (window.localStorage.getItem(storageName) === null) setTheme(systemTheme().theme);
  };
  query.addEventListener("change", turned);
  return () => query.removeEventListener("change", turned);
}

/** Calls `listener` when the theme changes; charts are drawn anew then. */
export function onThemeChange(listener: () => void): () => void {
  const observer = new MutationObserver(listener);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => observer.disconnect();
}
