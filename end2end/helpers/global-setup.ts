// One server for all tests. PATCHBAY_E2E_URL uses one that runs already.
import { startPatchbay } from "./server.ts";

export default async function globalSetup(): Promise<(() => Promise<void>) | void> {
  if (process.env.PATCHBAY_E2E_URL) return;
  const server = await startPatchbay();
  process.env.PATCHBAY_E2E_URL = server.url;
  return server.stop;
}
