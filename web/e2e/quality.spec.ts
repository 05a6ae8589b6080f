import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, test, type Hub } from "./hub";
import { allPages, fill } from "./pages";

test.beforeAll(async ({ hub }) => {
  test.setTimeout(300_000);
  await fill(hub);
});

/** Of a "layout-shift" entry, which TypeScript does not know. */
interface Shift {
  value: number;
}

/** What the page complained about, and whom it called. */
function watch(page: Page, origin: string): { complaints: string[]; elsewhere: string[] } {
  const complaints: string[] = [];
  const elsewhere: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("data:") && !url.startsWith("blob:")) {
      elsewhere.push(url);
    }
  });
  return { complaints, elsewhere };
}

/** The page with all its data; skeletons are gone. */
async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await expect(page.locator("h1")).toHaveCount(1);
  await expect(page.locator("main .animate-pulse:not(.rounded-full)")).toHaveCount(0);
}

for (const theme of ["light", "dark"] as const) {
  test(`every page is accessible, quiet and alone (${theme})`, async ({ page, hub }) => {
    test.setTimeout(300_000);
    await page.emulateMedia({ colorScheme: theme });
    const { complaints, elsewhere } = watch(page, hub.url);
    for (const path of await allPages(hub)) {
      await test.step(path, async () => {
        await open(page, path);
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(
          violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" ")}`),
          path,
        ).toEqual([]);
      });
    }
    expect(complaints).toEqual([]);
    expect(elsewhere).toEqual([]);
  });
}

/** The last job that ended has a name as long as people give them. */
async function endLongNamedJob(hub: Hub): Promise<void> {
  const name = "wexham-facts-of-the-town-its-river-and-its-old-mill-third-attempt";
  const { id } = await hub.call<{ id: string }>("POST", "/jobs", {
    type: "finetune",
    model: "smollm2-135m-instruct",
    dataset: "wexham",
    params: { max_steps: 2000 },
    output: { name },
  });
  await hub.call("POST", `/jobs/${id}/cancel`);
  await expect
    .poll(async () => (await hub.call<{ state: string }>("GET", `/jobs/${id}`)).state)
    .toBe("CANCELLED");
}

test("on a phone no page scrolls sideways, and nothing moves when its data come", async ({
  page,
  hub,
}) => {
  test.setTimeout(300_000);
  await endLongNamedJob(hub);
  await page.setViewportSize({ width: 390, height: 844 });
  // The cumulative layout shift, as Chromium counts it.
  await page.addInitScript(() => {
    const shifts = Object.assign(window, { shifted: 0 });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) shifts.shifted += (entry as unknown as Shift).value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  for (const path of await allPages(hub)) {
    await open(page, path);
    const shifted = await page.evaluate(() => (window as unknown as { shifted: number }).shifted);
    // What Chromium counts as good.
    expect(shifted, `what moved on ${path}`).toBeLessThan(0.1);
    const overhang = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overhang, path).toBeLessThanOrEqual(0);
  }
});

test("on a phone a chart is drawn when it comes near the screen", async ({ page, hub }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const { data } = await hub.call<{ data: { id: string }[] }>(
    "GET",
    "/jobs?state=COMPLETED&limit=1",
  );
  await page.goto(`/ui/jobs/view/?id=${data[0]?.id ?? ""}`);
  const charts = page.locator("main figure");
  const drawn = page.locator("main figure .uplot");
  await expect(drawn.first()).toBeVisible();
  const all = await charts.count();
  expect(await drawn.count()).toBeLessThan(all);
  for (const chart of await charts.all()) await chart.scrollIntoViewIfNeeded();
  await expect(drawn).toHaveCount(all);
});

test("an unknown page says so", async ({ page }) => {
  const answer = await page.goto("/ui/nothing/");
  expect(answer?.status()).toBe(404);
  await expect(page.getByText("There is no such page")).toBeVisible();
  await page.getByRole("link", { name: "Go to the overview" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Overview");
});
