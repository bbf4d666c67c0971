// Judges what the sandbox's Stripe makes of a request of Stripe's own library: it does what was asked, or refuses it by name.
import Stripe from "stripe";

export type Verdict = "done" | "refused" | "wrong";

export interface Result {
  operation: string;
  parameters: string;
  verdict: Verdict;
  /** Why it is wrong, or what was refused. */
  note: string;
}

/** One request: what it is called, what it sends, and how. */
export interface Case {
  operation: string;
  sends: Record<string, unknown>;
  run(sends: never): Promise<unknown>;
  /** Reads the object again, to see what was kept. */
  read?(made: never): Promise<unknown>;
  /** Whether the answer is right, where the parameters do not come back as they were sent. Answers what is wrong. */
  right?(answer: never): string | undefined;
}

export function client(base: string, key = "sk_test_sandbox51PatchbayLocalOnly0000"): Stripe {
  const toSandbox = (address: string | URL | Request, init?: RequestInit) =>
    fetch(String(address).replace("https://api.stripe.com", `${base}/sandbox/stripe`), init);
  return new Stripe(key, { httpClient: Stripe.createFetchHttpClient(toSandbox as typeof fetch), maxNetworkRetries: 0 });
}

export async function judge(one: Case): Promise<Result> {
  const result = (verdict: Verdict, note: string): Result => ({ operation: one.operation, parameters: names(one.sends).join(", "), verdict, note });
  try {
    const answer = await one.run(one.sends as never);
    const read = one.read ? await one.read(answer as never) : answer;
    const problem = one.right ? one.right(read as never) : missing(one.sends, read);
    return problem ? result("wrong", problem) : result("done", "");
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) return result("wrong", String(error));
    return byName(error, one.sends) ? result("refused", refusedFor(error)) : result("wrong", `refused, but not by name: ${error.message}`);
  }
}

/** A refusal names the address, the object or the parameter. */
function byName(error: Stripe.errors.StripeInvalidRequestError, sends: object): boolean {
  const asked = names(sends).map((name) => name.split(/[.[]/)[0]);
  return error.message.startsWith("Unrecognized request URL") || asked.includes((error.param ?? "").split("[")[0]);
}

function refusedFor(error: Stripe.errors.StripeInvalidRequestError): string {
  return error.message.startsWith("Unrecognized request URL") ? "no such address" : (error.param ?? "");
}

/** The dotted names of everything that is sent. */
function names(value: object, above = ""): string[] {
  return Object.entries(value).flatMap(([name, inner]) => {
    const whole = above ? `${above}.${name}` : name;
    return inner && typeof inner === "object" && !Array.isArray(inner) ? names(inner, whole) : [whole];
  });
}

/** What of the parameters is not in the answer as it was sent. */
function missing(sent: unknown, got: unknown, name = ""): string | undefined {
  if (sent && typeof sent === "object") {
    for (const [key, value] of Object.entries(sent)) {
      const problem = missing(value, (got as Record<string, unknown> | null | undefined)?.[key], name ? `${name}.${key}` : key);
      if (problem) return problem;
    }
    return undefined;
  }
  return sent === got ? undefined : `${name} is ${JSON.stringify(got)}, not ${JSON.stringify(sent)}`;
}
