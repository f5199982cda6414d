import type { Clock } from '../../ports/ports.ts';
import type { Logger } from '../../telemetry/index.ts';

/** Time between two lines about one reason, in milliseconds: strangers must not fill the log. */
const INTERVAL_MS = 60_000;

/**
 * Refusals that point at the configuration of a proxy, in words for the operator. The others are everyday noise of a public
 * port, and only counted.
 */
const CAUSES: ReadonlyMap<string, string> = new Map([
  ['proxy_missing', 'a peer in server.proxy_protocol_from sent no PROXY header'],
  ['proxy_timeout', 'a peer in server.proxy_protocol_from sent no PROXY header in time'],
  ['proxy_malformed', 'a PROXY header is damaged'],
  ['proxy_too_long', 'a PROXY header is too long'],
  ['proxy_checksum', 'a PROXY header has a wrong checksum'],
  ['proxy_forged', 'a peer that is not in server.proxy_protocol_from sent a PROXY header'],
  ['stranger', 'a peer that is no proxy came to server.plain_bind'],
]);

interface Told {
  at: number;
  /** Refusals since that line. */
  count: number;
}

/** Logs why connections are refused: each reason once, and then how often, at most once a minute. */
export class RefusalLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #told = new Map<string, Told>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  note(listener: string, reason: string, error?: unknown): void {
    this.#logger.debug({ listener, reason, err: error }, 'connection refused');
    const cause = CAUSES.get(reason);
    if (cause === undefined) return;
    const key = `${listener} ${reason}`;
    const now = this.#clock.monotonic();
    const told = this.#told.get(key);
    if (told !== undefined && now - told.at < INTERVAL_MS) {
      told.count += 1;
      return;
    }
    this.#told.set(key, { at: now, count: 0 });
    this.#logger.warn(
      { listener, reason, connections: (told?.count ?? 0) + 1 },
      `connections refused: ${cause}`,
    );
  }
}
