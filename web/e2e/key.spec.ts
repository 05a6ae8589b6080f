import { expect, test } from "./hub";

test("a hub that wants a key asks for it, and the pages use it", async ({ page, hub }) => {
  const { id, secret } = await hub.call<{ id: string; secret: string }>("POST", "/keys", {
    name: "browser",
    scopes: ["admin"],
  });
  const withKey = (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(hub.url + path, {
      method,
      headers: { Authorization: `Bearer ${secret}`, "Content-Type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  await hub.call("PATCH", "/settings", { require_keys: true });
  try {
    await page.goto("/ui/models/");
    const dialog = page.getByRole("dialog", { name: "API key" });
    await expect(dialog).toBeVisible();

    await dialog.getByLabel("Key").fill("mh-nobody-has-this-one");
    await dialog.getByRole("button", { name: "Use this key" }).click();
    await expect(dialog.getByText("does not take the key")).toBeVisible();

    await dialog.getByLabel("Key").fill(secret);
    await dialog.getByLabel("Key").press("Enter");
    await expect(dialog).toBeHidden();
    await expect(page.getByRole("link", { name: "smollm2-135m-instruct" }).first()).toBeVisible();
    await expect(page.getByText("Live", { exact: true })).toBeVisible();

    await page.reload();
    await expect(page.getByRole("link", { name: "smollm2-135m-instruct" }).first()).toBeVisible();
    await expect(dialog).toBeHidden();
  } finally {
    await withKey("PATCH", "/settings", { require_keys: null });
    await withKey("DELETE", `/keys/${id}`);
  }
});
