import { defineConfig } from "@playwright/test";

// Real Chromium against the real program and the real model; CHROMIUM names the browser where it is not Playwright's own.
const executablePath = process.env.CHROMIUM;

export default defineConfig({
  testDir: "e2e",
  // The model computes on the same cores: one test after the other.
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    viewport: { width: 1440, height: 900 },
    launchOptions: {
      args: ["--no-sandbox", "--disable-gpu"],
      ...(executablePath && { executablePath }),
    },
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
  },
});
