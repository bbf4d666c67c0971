// Session tokens live for a minute: a browser whose sign-in changed meanwhile is renewed without anybody noticing.
import { expect, type Page, test } from "@playwright/test";
import { admin, signIn, viewer } from "../helpers/people.ts";

/** From now on the browser's token counts as outdated, as it does a minute after it was made. */
async function outdate(page: Page) {
  const url = new URL(page.url()).origin;
  await page.context().addCookies([{ name: "__client_uat", value: `${Math.floor(Date.now() / 1000) + 3600}`, url }]);
}

test("a visit with an outdated token ends where it wanted to go", async ({ page }) => {
  await signIn(page, viewer, "/connections");
  await outdate(page);
  await page.goto("/events?state=dead");
  await expect(page).toHaveURL(/\/events\?state=dead$/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Events");
});

test("a form sent with an outdated token is sent on after the renewal", async ({ page, javaScriptEnabled }) => {
  await signIn(page, admin, "/connections");
  const button = page.getByRole("button", { name: /^(Sync now|Cancel)/ }).first();
  await expect(button).toBeVisible();
  await outdate(page);
  await button.click();
  if (javaScriptEnabled === false) {
    await expect(page.getByRole("heading", { name: "Send it now?" })).toBeVisible();
    await page.getByRole("button", { name: "Send it now" }).click();
  }
  // Where the action leads, and its message or the provider's reason.
  await expect(page).toHaveURL(/\/connections$/);
});

test("signing out holds: the next visit asks who is there", async ({ page }) => {
  await signIn(page, viewer, "/connections");
  await page.locator("[popovertarget=account]").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/sandbox\/clerk\/sign-in/);
  await page.goto("/events");
  await expect(page).toHaveURL(/\/sandbox\/clerk\/sign-in\?redirect_url/);
});
