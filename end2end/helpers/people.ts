// The people of the sandbox's sign-in page.
import { expect, type Locator, type Page } from "@playwright/test";

export type Person = "Ada Okafor" | "Ben Lindqvist" | "Chiara Rossi" | "Daichi Umbra" | "Emeka Obi" | "Fumiko Abe";

export const admin: Person = "Ada Okafor";
export const viewer: Person = "Ben Lindqvist";
export const northwind: Person = "Chiara Rossi";
/** May look at Northwind's billing, not act in it. */
export const member: Person = "Emeka Obi";
/** Of Northwind, with somebody of staff at the keyboard. */
export const impersonated: Person = "Fumiko Abe";
export const umbra: Person = "Daichi Umbra";

/** Signs in as a person would: the asked-for page leads to the sign-in page and back. */
export async function signIn(page: Page, person: Person, path: string) {
  // A page that stands open would visit the sign-in by itself as soon as its session is gone.
  await page.goto("about:blank");
  await page.context().clearCookies();
  await page.goto(path);
  await submit(page, page.getByRole("button", { name: person }));
  await page.waitForURL((url) => url.pathname === new URL(path, url).pathname);
}

/** Sends a form and waits for the page that its answer leads to, which may be the one it was sent from. */
export async function submit(page: Page, button: Locator) {
  await Promise.all([page.waitForEvent("load"), button.click()]);
}

/** Waits until the first sync has brought the sandbox's subscriptions. */
export async function synced(page: Page) {
  await expect(async () => {
    const found: { href: string }[] = await page.request.get("/search.json?q=Northwind").then((answer) => answer.json());
    expect(found.some((hit) => hit.href.startsWith("/customers/"))).toBe(true);
    expect(await page.request.get("/connections").then((answer) => answer.text())).not.toMatch(/role="progressbar"|<progress/);
  }, "the first sync ends").toPass({ timeout: 120_000 });
}
