import { expect, test } from "./hub";
import { fill } from "./pages";

test.beforeAll(async ({ hub }) => {
  await fill(hub);
});

test("the overview tells of memory, engines and events as they change", async ({ page, hub }) => {
  await hub.call("POST", "/engines/smollm2-135m-instruct/unload");
  await page.goto("/ui/");
  await expect(page.getByText("Ready to serve")).toBeVisible();
  await expect(page.getByText("No model is loaded")).toBeVisible();

  await hub.call("POST", "/engines/smollm2-135m-instruct/load");
  const held = page.getByRole("button", { name: /^Engine smollm2-135m-instruct: .* reserved/ });
  await expect(held).toBeVisible();
  await held.focus();
  await expect(
    page.getByText(/^Engine smollm2-135m-instruct: .* reserved, .* taken$/),
  ).toBeVisible();

  await hub.call("POST", "/jobs/queue/pause");
  const events = page.getByRole("list", { name: "Recent events" });
  await expect(events.getByRole("listitem").first()).toContainText("The queue was paused");
  await hub.call("POST", "/jobs/queue/resume");
  await expect(events.getByRole("listitem").first()).toContainText("The queue goes on");
});

test("an engine is loaded, pinned, read and unloaded", async ({ page, hub }) => {
  await hub.call("POST", "/engines/smollm2-135m-instruct/unload");
  await page.goto("/ui/system/");
  await page.getByLabel("Model", { exact: true }).selectOption("smollm2-135m-instruct");
  await page.getByRole("button", { name: "Load", exact: true }).click();
  await page.getByRole("button", { name: "Keep smollm2-135m-instruct:1 loaded" }).click();
  await page.getByRole("button", { name: "Let smollm2-135m-instruct:1 be unloaded" }).click();

  await page.getByRole("button", { name: "Log of smollm2-135m-instruct:1" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText(/engine_ready/).first()).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).click();

  await page.getByRole("button", { name: "Unload smollm2-135m-instruct:1" }).click();
  await expect(page.getByText("No model is loaded.")).toBeVisible();
});

test("unneeded files are looked for, and a backup is made", async ({ page }) => {
  await page.goto("/ui/system/");
  await page.getByRole("button", { name: "Look", exact: true }).click();
  await expect(page.getByText(/^(Nothing is left over|Found .*)\.$/)).toBeVisible();
  await page.getByRole("button", { name: "Back up" }).click();
  await expect(page.getByText(/\/backups\/\d+$/)).toBeVisible();
});

test("the logs are filtered, followed and unfolded", async ({ page, hub }) => {
  await page.goto("/ui/logs/");
  const records = page.getByRole("region", { name: /^Log records/ }).getByRole("listitem");
  await expect(records.first()).toBeVisible();

  await page.getByLabel("Requests, too").click();
  await expect(page).toHaveURL(/without=http_request/);
  await expect(records.filter({ hasText: "http_request" })).toHaveCount(0);
  await hub.call("POST", "/engines/smollm2-135m-instruct/load");
  await expect(records.first()).toContainText("engine_ready");
  await hub.call("POST", "/engines/smollm2-135m-instruct/unload");
  await expect(records.first()).toContainText("engine_ended");

  await page.getByLabel("Requests, too").click();
  const request = records.filter({ hasText: "POST /engines" }).first();
  await request.getByRole("button").first().click();
  await request.getByTitle("Show only records with this").last().click();
  await expect(page).toHaveURL(/request_id=/);
  await expect(records.first()).toContainText("/unload");
  await page.getByRole("button", { name: /^Without request/ }).click();
  await expect(page).not.toHaveURL(/request_id=/);
});

test("a setting is changed, refused and reset", async ({ page }) => {
  await page.goto("/ui/settings/");
  const days = page.getByLabel("Audit keep days");
  await days.fill("0");
  await expect(page.getByText("It must be a whole number from 1 to 36,500.")).toBeVisible();
  await days.fill("30");
  await days.press("Enter");
  await page.getByRole("button", { name: "Reset Audit keep days to its default" }).click();
  await expect(days).toHaveValue("365");

  await page.getByLabel("Default model").fill("nowhere");
  await page.getByLabel("Default model").press("Enter");
  await expect(page.getByText("The setting was not changed")).toBeVisible();
  await expect(page.getByLabel("Default model")).toHaveValue("smollm2-135m-instruct");
});

test("a key is made with limits, shown once and revoked, and the audit log says so", async ({
  page,
  hub,
}) => {
  await page.goto("/ui/keys/");
  await page.getByRole("button", { name: "New key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("e2e");
  await dialog.getByLabel("Expires").selectOption({ label: "after 7 days" });
  await dialog.getByLabel("Requests a minute").fill("0");
  await expect(dialog.getByText("A whole number from 1 on")).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Make the key" })).toBeDisabled();
  await dialog.getByLabel("Requests a minute").fill("600");
  await dialog.getByRole("button", { name: "Make the key" }).click();
  const secret = await dialog.getByText(/^mh-[\w-]{43}$/).innerText();
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  await expect(page.getByText(secret)).toHaveCount(0);
  const row = page.getByRole("row", { name: /^e2e / });
  await expect(row.getByText("600 requests/min", { exact: true })).toBeVisible();

  // What it uses is counted, and its limits change.
  const used = await fetch(`${hub.url}/v1/models`, {
    headers: { Authorization: `Bearer ${secret}` },
  });
  expect(used.headers.get("x-ratelimit-limit-requests")).toBe("600");
  await page.getByRole("button", { name: "Limits of e2e" }).click();
  await dialog.getByLabel("Requests a minute").fill("");
  await dialog.getByLabel("Answers at once").fill("2");
  await dialog.getByRole("button", { name: "Change them" }).click();
  await expect(row.getByText("2 at once", { exact: true })).toBeVisible();
  await page.reload();
  await expect(row.getByRole("cell").nth(8)).toHaveText("1");

  // It allows too little for the logs, and the page says so.
  await page.evaluate((key) => localStorage.setItem("mlx-hub-key", key), secret);
  await page.goto("/ui/logs/");
  await expect(page.getByText("Logs need an API key with scope admin")).toBeVisible();
  await page.goto("/ui/settings/?tab=browser");
  await page.getByRole("button", { name: "Forget it" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Forget it" }).click();
  await expect(page.getByText("None is kept.")).toBeVisible();

  await page.goto("/ui/keys/");
  await page.getByRole("button", { name: "Revoke e2e" }).click();
  await page.getByRole("button", { name: "Revoke it" }).click();
  await expect(page.getByRole("button", { name: "Revoke e2e" })).toHaveCount(0);
  await page.goto("/ui/settings/?tab=audit");
  await expect(page.getByRole("cell", { name: "DELETE /keys/{id}" }).first()).toBeVisible();
  await hub.call("POST", "/engines/smollm2-135m-instruct/unload");
});
