import { existsSync } from "node:fs";
import { defineConfig, devices } from "@playwright/test";

// The system's browser: Playwright's own download is large and not always reachable.
const browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = process.env.CHROMIUM ?? browsers.find((path) => existsSync(path));
const desktop = { viewport: { width: 1280, height: 800 } };

export default defineConfig({
  testDir: "tests",
  globalSetup: "./helpers/global-setup.ts",
  outputDir: "test-results",
  forbidOnly: !!process.env.CI,
  // All share one server and its two customers.
  workers: 1,
  // A test that needs a second try is wrong, or has found something.
  retries: 0,
  // Bounds for what never comes, not expectations of speed: the machine may be busy with something else.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: {
    // Set by the global setup, before the workers read this file.
    baseURL: process.env.PATCHBAY_E2E_URL,
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    { name: "desktop-light", use: { ...desktop, colorScheme: "light" } },
    { name: "desktop-dark", use: { ...desktop, colorScheme: "dark" } },
    { name: "phone", use: { viewport: { width: 390, height: 844 }, userAgent: devices["Pixel 7"].userAgent, hasTouch: true, isMobile: true } },
    { name: "nojs", use: { ...desktop, javaScriptEnabled: false } },
  ],
});
