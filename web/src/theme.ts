export type Theme = "light" | "dark";

const storageName = "mlx-hub-theme";

/** Runs in the page's head, before anything is painted; so it is a text. */
export const themeScript = `(()=>{let t;try{t=localStorage.getItem(${JSON.stringify(storageName)})}catch{}document.documentElement.dataset.theme=t==="light"||t==="dark"?t:matchMedia("(prefers-color-scheme: dark)").matches?"dark":"light"})()`;

export function currentTheme(): Theme {
  return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
}

export function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  window.localStorage.setItem(storageName, theme);
}

/** Calls `listener` when the theme changes; charts are drawn anew then. */
export function onThemeChange(listener: () => void): () => void {
  const observer = new MutationObserver(listener);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => observer.disconnect();
}
