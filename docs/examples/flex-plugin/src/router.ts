/** The calls of a Flex plugin to the router. Who asks is known from the Flex token; `from` may be left out. */

export type Target = { worker: string } | { queue: string } | { workflow: string };

export interface Invite {
  id: string;
  state: string;
  task_sid: string | null;
}

export interface Errand {
  id: string;
  state: "taken" | "parked" | "waking" | "done" | "refused";
  outcome: string | null;
  successor: string | null;
}

export interface Transfer {
  id: string;
  outcome:
    | "waiting" | "changing_hands" | "transferred" | "joined" | "kept"
    | "canceled" | "failed" | "closed" | "left_alone";
  worker_sid: string | null;
}

/** What the router refuses, in its own words (RFC 9457). `detail` may be shown to the agent. */
export class RouterProblem extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly errors: ReadonlyArray<{ field: string; message: string }>,
  ) {
    super(`${status}: ${detail}`);
  }
}

const PATIENCE_MS = 12_000; // the router answers within ten seconds
const TRIES = 3;

export class Router {
  constructor(
    private readonly baseUrl: string,
    private readonly token: () => string,
  ) {}

  /** Hand the conversation on. The agent stays until somebody has accepted, or with `queued` until the task waits. */
  transfer(conversationSid: string, to: Target, release: "accepted" | "queued" = "accepted"): Promise<Invite> {
    return this.post("/v1/transfers", { conversation_sid: conversationSid, to, mode: "cold", release });
  }

  /** Bring somebody in beside the agent. */
  consult(conversationSid: string, to: Target): Promise<Invite> {
    return this.post("/v1/transfers", { conversation_sid: conversationSid, to, mode: "warm" });
  }

  /** Call a transfer off. A problem 409 says that somebody has accepted already. */
  cancel(inviteId: string): Promise<Invite> {
    return this.post(`/v1/invites/${encodeURIComponent(inviteId)}/cancel`, {});
  }

  /** Leave; a problem 409 says that the customer would be alone. */
  leave(conversationSid: string): Promise<Errand> {
    return this.post(`/v1/conversations/${encodeURIComponent(conversationSid)}/leave`, {});
  }

  /** Put the conversation down until the customer writes, or after `wakeAfterS` seconds at the latest. */
  park(conversationSid: string, wakeAfterS?: number): Promise<Errand> {
    const timer = wakeAfterS === undefined ? {} : { wake_after_s: wakeAfterS };
    return this.post(`/v1/conversations/${encodeURIComponent(conversationSid)}/park`, timer);
  }

  /** What has become of a transfer: ask again while it says `waiting` or `changing_hands`. */
  transferState(inviteId: string): Promise<Transfer> {
    return this.call("GET", `/v1/transfers/${encodeURIComponent(inviteId)}`);
  }

  /** One key for all tries of one click: however often it is sent, it is done once. */
  private post<T>(path: string, body: object): Promise<T> {
    return this.call("POST", path, JSON.stringify(body), crypto.randomUUID());
  }

  private async call<T>(method: string, path: string, body?: string, key?: string): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.send(method, path, body, key);
      if (answer !== null && answer.status !== 503) {
        return read<T>(answer);
      }
      if (attempt === TRIES) {
        throw new RouterProblem(answer?.status ?? 0, "The router cannot be reached just now", []);
      }
      const after = Number(answer?.headers.get("Retry-After") ?? attempt);
      await new Promise((done) => setTimeout(done, Math.min(after, 5) * 1000));
    }
  }

  /** One try; null if there was no answer. */
  private async send(method: string, path: string, body?: string, key?: string): Promise<Response | null> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.token()}` };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
    }
    if (key !== undefined) {
      headers["Idempotency-Key"] = key;
    }
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      return await fetch(this.baseUrl + path, { method, headers, signal, ...(body === undefined ? {} : { body }) });
    } catch {
      return null;
    }
  }
}

async function read<T>(answer: Response): Promise<T> {
  const told = (await answer.json()) as T & { detail?: string; errors?: Array<{ field: string; message: string }> };
  if (!answer.ok) {
    throw new RouterProblem(answer.status, told.detail ?? answer.statusText, told.errors ?? []);
  }
  return told;
}
