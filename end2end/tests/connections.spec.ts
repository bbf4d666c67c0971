// What a connection's keys may read: found out by a button, named with the permission that is missing, and well again once it is given.
import { expect, test } from "@playwright/test";
import { admin, signIn, submit, synced, viewer } from "../helpers/people.ts";
import { startPatchbay } from "../helpers/server.ts";

const projects = ["desktop-light", "nojs"];
test.beforeEach(({}, info) => test.skip(!projects.includes(info.project.name), "once with scripts, once without"));

test("staff check the keys of a connection and read which permission is missing and where to give it", async ({ browser, javaScriptEnabled }) => {
  // What the keys may do is of the whole server, so this has one of its own.
  const server = await startPatchbay();
  const context = await browser.newContext({ baseURL: server.url, javaScriptEnabled });
  try {
    const page = await context.newPage();
    await signIn(page, admin, "/connections");
    await synced(page);
    await page.goto("/connections");
    const main = page.locator("main");
    const check = main.locator("form", { has: page.locator('input[name="connection"][value="stripe"]') }).getByRole("button", { name: "Check now", exact: true });

    // The switch is on the sandbox's own page, as a person would use it.
    const lacks = async (permission: string) => {
      await page.goto("/sandbox");
      await page.getByLabel("Permission that the product's key at Stripe lacks").selectOption(permission);
      await submit(page, page.locator('form[action="/sandbox/switches"] button[type="submit"]').first());
      await page.goto("/connections");
    };

    await lacks("rak_invoice_read");
    await submit(page, check);
    await expect(main.page().locator("body")).toContainText("The keys of stripe cannot read everything; below is what is missing and what to do.");
    await expect(main).toContainText("7 of 9 kinds");
    await expect(main).toContainText("Having the 'rak_invoice_read' permission would allow this request to continue.");
    await expect(main).toContainText("Give the keys the permission “Invoices: Read” at Stripe.");

    // Who may only look sees it, too, and has no button.
    await signIn(page, viewer, "/connections");
    await expect(main).toContainText("Give the keys the permission “Invoices: Read” at Stripe.");
    await expect(check).toHaveCount(0);

    await signIn(page, admin, "/connections");
    await lacks("");
    await submit(page, check);
    await expect(page.locator("body")).toContainText("The keys of stripe can read everything that is synced.");
    await expect(main).not.toContainText("Give the keys the permission");
  } finally {
    await context.close();
    await server.stop();
  }
});
