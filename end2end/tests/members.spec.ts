// Who sits in front of a customer's pages: a member without the billing role, and staff in somebody else's name.
import { expect, test } from "@playwright/test";
import { admin, impersonated, member, northwind, signIn, submit, synced } from "../helpers/people.ts";

const pages = ["/billing", "/billing/plans", "/billing/payment-methods", "/billing/invoices"];

test("a member without the billing role sees everything and is offered nothing", async ({ page }) => {
  await signIn(page, admin, "/connections");
  await synced(page);
  await signIn(page, member, "/billing");
  for (const path of pages) {
    expect((await page.goto(path))?.status(), path).toBe(200);
    await expect(page.locator("main form"), path).toHaveCount(0);
    const acts = page.locator("main").getByRole("link", { name: /^(pay|cancel plan|change plan|add a payment method)\b/i });
    await expect(acts, path).toHaveCount(0);
  }
  await page.goto("/billing");
  await expect(page.getByText("View only")).toBeVisible();
  // An open invoice is shown with what is due, and without the page to pay at.
  const answer = await page.request.post("/actions/billing/cancel", {
    headers: { origin: new URL(page.url()).origin, accept: "text/html" },
    form: { form_id: "member-1", feedback: "", comment: "" },
  });
  expect(await answer.text()).toMatch(/admin/i);
  await signIn(page, northwind, "/billing");
  await expect(page.getByRole("link", { name: "Change plan" }), "nothing was cancelled").toBeVisible();
});

test("somebody of staff in a customer's name is named on every page, recorded with them, and gone when they sign out", async ({ page, context }) => {
  await signIn(page, admin, "/connections");
  await synced(page);
  await signIn(page, impersonated, "/billing");
  for (const path of pages) {
    await page.goto(path);
    const banner = page.getByRole("status").filter({ hasText: "is signed in as" });
    await expect(banner, path).toContainText("user_sandbox_ada");
    await expect(banner, path).toContainText("Fumiko Abe");
  }
  await page.goto("/billing/payment-methods");
  await submit(page, page.getByRole("button", { name: /add a payment method/i }).first());
  await signIn(page, admin, "/audit");
  const entry = page.locator("main tr").filter({ hasText: "payment_method.add" }).first();
  await expect(entry).toContainText("Fumiko Abe");
  await expect(entry).toContainText("user_sandbox_ada");

  await signIn(page, impersonated, "/billing");
  await page.locator("header").getByRole("button", { name: /account|fumiko/i }).first().click();
  await submit(page, page.getByRole("button", { name: /sign out/i }));
  expect((await context.cookies()).filter((cookie) => cookie.name === "__session" && cookie.value)).toEqual([]);
  await page.goto("/billing");
  expect(new URL(page.url()).pathname).toBe("/sandbox/clerk/sign-in");
});
