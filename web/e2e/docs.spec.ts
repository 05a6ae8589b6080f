import { expect, test } from "./hub";

test("the page of the API comes from the hub alone and shows every route", async ({
  page,
  hub,
}) => {
  const complaints: string[] = [];
  const elsewhere: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(hub.url) && !url.startsWith("data:")) elsewhere.push(url);
  });
  await page.goto("/docs");
  await expect(page.getByRole("heading", { name: /MLX Model Hub/ })).toBeVisible();
  const { paths } = await hub.call<{ paths: Record<string, Record<string, unknown>> }>(
    "GET",
    "/openapi.json",
  );
  const operations = Object.values(paths)
    .flatMap((item) => Object.keys(item))
    .filter((name) => ["get", "put", "post", "patch", "delete"].includes(name));
  await expect(page.locator(".opblock")).toHaveCount(operations.length);

  // A call from the page.
  await page.locator('[data-path="/healthz"]').click();
  await page.getByRole("button", { name: "Try it out" }).click();
  await page.getByRole("button", { name: "Execute" }).click();
  await expect(page.locator(".live-responses-table .response-col_status").last()).toHaveText("200");
  expect(complaints).toEqual([]);
  expect(elsewhere).toEqual([]);
});
