import type { NextConfig } from "next";

// In production a static export, which the program serves under /ui/. `npm run dev` sends every other call to a hub:
// HUB_URL, or the usual address; start that with --allowed-origins http://localhost:3000.
const exported: NextConfig =
  process.env.NODE_ENV === "production"
    ? { output: "export" }
    : {
        rewrites: () =>
          Promise.resolve([
            {
              source: "/:path*",
              destination: `${process.env.HUB_URL ?? "http://127.0.0.1:8000"}/:path*`,
              basePath: false,
            },
          ]),
      };

const config: NextConfig = {
  ...exported,
  basePath: "/ui",
  trailingSlash: true,
  images: { unoptimized: true },
  reactStrictMode: true,
  poweredByHeader: false,
  productionBrowserSourceMaps: false,
  // scripts/lint checks types, with the tests'; who only builds has no packages for those.
  typescript: { ignoreBuildErrors: true },
};

export default config;
