// Who may see and do what.
import { expect, test } from "@playwright/test";
import { admin, northwind, signIn, synced, umbra, viewer } from "../helpers/people.ts";

const staffPages = ["/", "/events", "/dead-letters", "/rejections", "/calls", "/subscriptions", "/customers", "/invoices", "/videos", "/connections", "/audit"];

test("without a session every page leads to the sign-in page", async ({ page }) => {
  for (const path of [...staffPages, "/billing", "/billing/invoices"]) {
    await page.goto(path);
    expect(new URL(page.url()).pathname, path).toBe("/sandbox/clerk/sign-in");
  }
});

test("a customer cannot open a staff page", async ({ page }) => {
  await signIn(page, northwind, "/billing");
  for (const path of staffPages.slice(1)) {
    expect((await page.goto(path))?.status(), path).toBe(403);
  }
});

test("a viewer is offered no action and is refused one", async ({ page, baseURL }) => {
  await signIn(page, viewer, "/connections");
  await expect(page.getByRole("button", { name: /sync now/i })).toHaveCount(0);
  const answer = await page.request.post("/actions/start-sync", {
    headers: { origin: baseURL ?? "", accept: "text/html" },
    form: { connection: "stripe", form_id: "x" },
  });
  expect(await answer.text()).toContain("Your role can look at this but not change it");
});

test("a customer never sees an invoice of another organisation", async ({ page }) => {
  await signIn(page, admin, "/invoices");
  await synced(page);
  await page.goto("/invoices");
  const strangers = page.locator("main tr").filter({ hasNotText: /Northwind|Umbra/ });
  const foreign = await strangers.locator('a[href^="/invoices/stripe/in_"]').first().getAttribute("href");
  expect(foreign).toBeTruthy();
  for (const person of [umbra, northwind]) {
    await signIn(page, person, "/billing");
    expect((await page.goto(`/billing/invoices/${foreign!.split("/").pop()}`))?.status()).toBe(404);
  }
});

test("a form sent from another site is refused", async ({ page }) => {
  await signIn(page, admin, "/");
  const answer = await page.request.post("/actions/start-sync", {
    headers: { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
    form: { connection: "stripe" },
  });
  expect(answer.status()).toBe(403);
});
