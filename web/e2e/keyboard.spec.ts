import type { Page } from "@playwright/test";
import { expect, test } from "./hub";

/** Presses Tab until the element with that role and name has the focus. */
async function tabTo(page: Page, role: "link" | "button" | "textbox", name: string): Promise<void> {
  const wanted = page.getByRole(role, { name, exact: true });
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press("Tab");
    if (await wanted.evaluateAll((all) => all.includes(document.activeElement as HTMLElement)))
      return;
  }
  throw new Error(`80 presses of Tab did not reach the ${role} "${name}"`);
}

test("without a mouse: to the playground, a question, its answer", async ({ page }) => {
  await page.goto("/ui/");
  await expect(page.locator("h1")).toHaveText("Overview");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await tabTo(page, "link", "Playground");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/ui\/playground\//);

  // The message has the focus at once; the model is chosen in the list before it.
  const picker = page.getByRole("combobox", { name: "Model" });
  await expect(picker).toBeVisible();
  await picker.focus();
  await page.keyboard.type("smollm2-135m-instruct");
  await page.keyboard.press("Enter");
  await page.getByLabel("Message").focus();
  await page.keyboard.type("Say hello.");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("article", { name: /^Answer of/ })).toContainText("finish", {
    timeout: 120_000,
  });
});

test("dialogs keep the focus and close on Escape", async ({ page }) => {
  await page.goto("/ui/models/");
  const open = page.getByRole("button", { name: /Register/ }).first();
  await open.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await expect(dialog).toBeVisible();
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press("Tab");
    const escaped = await dialog.evaluate(
      (element) =>
        document.activeElement !== document.body && !element.contains(document.activeElement),
    );
    expect(escaped, "the focus left the dialog").toBe(false);
  }
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(open).toBeFocused();
});

test("tabs are moved by arrow keys", async ({ page }) => {
  await page.goto("/ui/models/view/?name=smollm2-135m-instruct");
  const first = page.getByRole("tab").first();
  await first.focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab").nth(1)).toBeFocused();
  await expect(page.getByRole("tab").nth(1)).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("End");
  await expect(page.getByRole("tab").last()).toBeFocused();
});
