// A payment that the customer's bank asks them to confirm: nothing changes before they have, and they are led to where they do.
import { expect, test as base, type Page } from "@playwright/test";
import { admin, northwind, signIn, submit, synced } from "../helpers/people.ts";
import { type Server, startPatchbay } from "../helpers/server.ts";

// A card and a plan of their own, on a server of their own.
const test = base.extend<object, { own: Server }>({
  own: [
    async ({}, use) => {
      const server = await startPatchbay();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ own }, use) => use(own.url),
});

const projects = ["desktop-light", "nojs"];
test.beforeEach(({}, info) => test.skip(!projects.includes(info.project.name), "once with scripts, once without"));

/** Reads a page again until it shows the text: what arrives by webhook takes a moment. */
async function eventually(page: Page, path: string, text: string | RegExp) {
  await expect(async () => {
    await page.goto(path);
    await expect(page.locator("main")).toContainText(text, { timeout: 500 });
  }).toPass({ timeout: 60_000 });
}

async function payWith(page: Page, number: string) {
  await page.goto("/billing/payment-methods");
  await page.locator('form[action="/actions/billing/add-payment-method"] button').first().click();
  await page.waitForURL(/\/sandbox\/stripe\/checkout\//);
  await page.getByLabel("Card number").fill(number);
  await page.getByRole("button", { name: "Save the card" }).click();
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.waitForURL(/\/billing/);
  const row = page.locator("li", { hasText: number.slice(-4) });
  await eventually(page, "/billing/payment-methods", number.slice(-4));
  await submit(page, row.getByRole("button", { name: "Make default" }));
}

test("a customer confirms the payment of a new plan at their bank", async ({ page, javaScriptEnabled }) => {
  await signIn(page, admin, "/");
  await synced(page);
  await signIn(page, northwind, "/billing");
  await payWith(page, "4000002760003184");

  await page.goto("/billing/plans");
  await page.getByRole("link", { name: /See what it costs to change to Scale every month/ }).click();
  await page.waitForURL(/\/billing\/plans\//);
  const preview = page.url();
  await submit(page, page.locator('form[action="/actions/billing/change-plan"] button'));
  expect(new URL(page.url()).pathname).toBe("/billing");
  const main = page.locator("main");
  // What is known of the payment by then depends on what arrived first.
  await expect(main).toContainText(/Your plan has not changed yet: (your bank asks you to confirm the payment|it has not been paid)\./);
  await eventually(page, "/billing", "Your bank asks you to confirm a payment");
  await expect(main).toContainText(/Your plan changes to Scale.* as soon as you have confirmed/);
  await expect(page.locator("#plan-name")).toHaveText("Growth");

  // The subscription is found by the invoice that waits: several customers have that name, and several invoices are listed.
  const confirm = page.getByRole("link", { name: /^Confirm / });
  const invoice = (await confirm.getAttribute("href"))!.split("/").pop()!;
  expect(invoice).toMatch(/^in_/);

  // Whoever opens the preview again is told so, and led on.
  await page.goto("/billing/plans");
  const scale = page.locator("li", { hasText: "Scale" }).first();
  await expect(scale).not.toContainText("See what it costs");
  await page.goto(preview);
  await expect(main).toContainText("This change is waiting for its payment");
  await page.getByRole("link", { name: "Back to your plan" }).click();
  await page.waitForURL(/\/billing$/);

  // Staff read the same, and where the customer is to go.
  const staff = await page.context().browser()!.newContext({ baseURL: new URL(page.url()).origin, javaScriptEnabled });
  const desk = await staff.newPage();
  await signIn(desk, admin, "/invoices");
  await eventually(desk, `/invoices/stripe/${invoice}`, "Northwind");
  const subscription = desk.locator('main a[href^="/subscriptions/stripe/sub_"]').first();
  await desk.goto((await subscription.getAttribute("href"))!);
  await expect(desk.locator("main")).toContainText("A plan change is waiting for the customer to confirm its payment");
  await expect(desk.locator("main")).toContainText(/The invoice has been open since .* UTC/);
  await staff.close();

  await confirm.click();
  await page.waitForURL(/\/sandbox\/stripe\/invoices\//);
  await page.getByRole("button", { name: /^Pay .* with the saved card/ }).click();
  await page.getByRole("button", { name: "Refuse" }).click();
  await expect(main).toContainText("unable to authenticate");
  await eventually(page, "/billing", "The payment for your new plan was declined");
  await page.getByRole("link", { name: /^Pay / }).click();
  await page.getByRole("button", { name: /^Pay .* with the saved card/ }).click();
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(main).toContainText("paid");
  await expect(async () => {
    await page.goto("/billing");
    await expect(page.locator("#plan-name")).toHaveText("Scale", { timeout: 500 });
  }).toPass({ timeout: 60_000 });
  await expect(page.locator("main")).not.toContainText("waiting for its payment");
});
