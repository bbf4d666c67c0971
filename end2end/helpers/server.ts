// The real program, in sandbox mode, on a port and in a folder of its own.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { openSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export interface Server {
  url: string;
  /** Its data and its log, `server.log`. */
  folder: string;
  log(): Promise<string>;
  /** Ends the process as a crash would and keeps the data. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
  /** Ends the process and removes the data. */
  stop(): Promise<void>;
}

export interface Options {
  arguments?: string[];
  environment?: Record<string, string>;
  /** Over HTTPS, with a certificate of its own that it also trusts as a client: everything goes that way then. */
  https?: boolean;
}

const root = resolve(import.meta.dirname, "../..");
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
const binary = process.env.PATCHBAY_BIN ?? join(target, "debug/patchbay");

// One browser, signed in as one person, opens more pages in a minute than anybody does.
const withoutLimits = { PATCHBAY_PAGES_PER_MINUTE: "0", PATCHBAY_ACTIONS_PER_MINUTE: "0", PATCHBAY_VISITS_PER_MINUTE: "0", PATCHBAY_SIGN_INS_PER_MINUTE: "0" };

export async function startPatchbay(options: Options = {}): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), "patchbay-e2e-"));
  const address = `127.0.0.1:${await freePort()}`;
  const url = `${options.https ? "https" : "http"}://${address}`;
  const tls = options.https ? makeCertificate(folder) : {};
  const logFile = join(folder, "server.log");
  let running: ChildProcess | undefined;

  const log = () => readFile(logFile, "utf8");

  async function start() {
    const output = openSync(logFile, "a");
    const child = spawn(binary, ["serve", ...(options.arguments ?? ["--sandbox"])], {
      cwd: folder,
      // The sandbox refuses to start beside a database that may be real.
      env: { ...process.env, DATABASE_URL: undefined, PATCHBAY_ADDR: address, PATCHBAY_DATA_DIR: join(folder, "data"), ...withoutLimits, ...tls, ...options.environment },
      stdio: ["ignore", output, output],
    });
    running = child;
    let failure: Error | undefined;
    child.once("error", (error) => (failure = error));
    const deadline = Date.now() + 60_000;
    while (!(await answers(`${url}/healthz`))) {
      if (failure || child.exitCode !== null || Date.now() > deadline) {
        await end("SIGKILL");
        throw new Error(`${binary} did not start: ${failure ?? ""}\n${await log()}`);
      }
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }

  async function end(signal: NodeJS.Signals) {
    const child = running;
    running = undefined;
    if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((wake) => child.once("exit", wake));
    child.kill(signal);
    const force = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await ended;
    clearTimeout(force);
  }

  async function stop() {
    await end("SIGTERM");
    await rm(folder, { recursive: true, force: true });
  }

  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, folder, log, start, stop, kill: () => end("SIGKILL") };
}

/** Whether it answers well; whose certificate it shows is not asked here. */
function answers(url: string): Promise<boolean> {
  const get = url.startsWith("https:") ? https.get : http.get;
  return new Promise((told) => {
    const request = get(url, { rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      told(response.statusCode === 200);
    });
    request.on("error", () => told(false));
  });
}

/** Returns the variables that make the server use it. */
function makeCertificate(folder: string): Record<string, string> {
  const [certificate, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const names = ["-subj", "/CN=Patchbay", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...names, "-keyout", key, "-out", certificate], { stdio: "pipe" });
  return { PATCHBAY_TLS_CERT: certificate, PATCHBAY_TLS_KEY: key, SSL_CERT_FILE: certificate };
}

function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (address && typeof address === "object" ? found(address.port) : failed(new Error("no port"))));
    });
  });
}
