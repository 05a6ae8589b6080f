import { join } from "node:path";
import { expect, test } from "./hub";
import { allPages, fill } from "./pages";

// Pictures of every page for people to look at: SCREENSHOTS=DIR npx playwright test screenshots
const folder = process.env.SCREENSHOTS;
const sizes = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

test.skip(!folder, "asked for by SCREENSHOTS");

for (const theme of ["light", "dark"] as const) {
  for (const [device, size] of Object.entries(sizes)) {
    test(`${device}, ${theme}`, async ({ page, hub }) => {
      test.setTimeout(600_000);
      await fill(hub);
      // A model is loaded, with its adapter.
      await hub.call("POST", "/v1/chat/completions", {
        model: "wexham-facts",
        max_tokens: 8,
        messages: [{ role: "user", content: "Which river runs through Wexham?" }],
      });
      await page.emulateMedia({ colorScheme: theme });
      await page.setViewportSize(size);
      for (const path of await allPages(hub)) {
        await page.goto(path);
        await expect(page.locator("h1")).toHaveCount(1);
        // Charts and figures come after the page.
        await page.waitForTimeout(1500);
        const name = path.split("?")[0]?.replace("/ui/", "").replaceAll("/", "-") ?? "";
        await page.screenshot({
          path: join(folder ?? "", `${name || "overview-"}${device}-${theme}.png`),
        });
      }
    });
  }
}
