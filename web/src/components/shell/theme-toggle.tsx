"use client";

import { Moon, Sun } from "lucide-react";
import { useEffect, useSyncExternalStore } from "react";
import { IconButton } from "@/components/ui/button";
import { currentTheme, followSystemTheme, onThemeChange, setTheme, type Theme } from "@/theme";

/** The theme in force, also after it changed. */
export function useTheme(): Theme {
  return useSyncExternalStore(onThemeChange, currentTheme, () => "light");
}

export function ThemeToggle() {
  const dark = useTheme() === "dark";
  useEffect(followSystemTheme, []);
  return (
    <IconButton
      label={dark ? "Use the light theme" : "Use the dark theme"}
      onClick={() => setTheme(dark ? "light" : "dark")}
    >
      {dark ? <Sun size={17} aria-hidden /> : <Moon size={17} aria-hidden />}
    </IconButton>
  );
}
