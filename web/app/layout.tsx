import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { Shell } from "@/components/shell/shell";
import { themeScript } from "@/theme";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "MLX Model Hub", template: "%s · MLX Model Hub" },
  description: "Register, fine-tune, watch, promote and serve language models on this machine.",
};

export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#ffffff" },
    { media: "(prefers-color-scheme: dark)", color: "#141924" },
  ],
};

export default function Layout({ children }: { children: ReactNode }) {
  return (
    // The script sets the theme before React looks at the page.
    <html lang="en" suppressHydrationWarning>
      <head>
        <script dangerouslySetInnerHTML={{ __html: themeScript }} />
      </head>
      <body>
        <Shell>{children}</Shell>
      </body>
    </html>
  );
}
