// The four people of the sandbox's sign-in page.
import type { Page } from "@playwright/test";

export type Person = "Ada Okafor" | "Ben Lindqvist" | "Chiara Rossi" | "Daichi Umbra";

export const admin: Person = "Ada Okafor";
export const viewer: Person = "Ben Lindqvist";
export const northwind: Person = "Chiara Rossi";
export const umbra: Person = "Daichi Umbra";

/** Signs in as a person would: the asked-for page leads to the sign-in page and back. */
export async function signIn(page: Page, person: Person, path: string) {
  await page.context().clearCookies();
  await page.goto(path);
  await page.getByRole("button", { name: person }).click();
  await page.waitForURL((url) => url.pathname === new URL(path, url).pathname);
}

/** Waits until the first sync has brought the sandbox's subscriptions. */
export async function synced(page: Page) {
  await page.goto("/connections");
  for (let tries = 0; tries < 60; tries++) {
    const response = await page.request.get("/search.json?q=Northwind");
    const found: { href: string }[] = response.ok() ? await response.json() : [];
    const running = await page.request.get("/connections").then((answer) => answer.text());
    if (found.some((hit) => hit.href.startsWith("/customers/")) && !/role="progressbar"|<progress/.test(running)) return;
    await page.waitForTimeout(1000);
  }
  throw new Error("the first sync did not end within a minute");
}
