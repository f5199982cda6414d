import type { Config, NoiseKey as LoadedNoiseKey } from '../config/index.ts';
import type { Clock } from '../protocol/ports.ts';
import type { Metrics } from '../telemetry/index.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';
import type { NoiseKeyring } from './noise-keys.ts';
import { RateLimiter } from './rate-limiter.ts';

/** Published as the end of a Noise key's life: older clients pin the first one for ever. PROTOCOL.md 3. */
const HUNDRED_YEARS = 3_155_760_000_000;

type Derived = 'keyring' | 'limiters';

export interface CreateGatewayOptions extends Omit<GatewayOptions, Derived> {
  /** Newest first, at least one. */
  readonly keys: readonly LoadedNoiseKey[];
}

/** A gateway with all that follows from the configuration, in the server's own thread or in a worker. */
export function createGateway({ keys, ...options }: CreateGatewayOptions): Gateway {
  const { clock, config, metrics } = options;
  const limiters = rateLimiters(config, clock, metrics);
  return new Gateway({ ...options, limiters, keyring: keyringOf(keys) });
}

function rateLimiters(config: Config, clock: Clock, metrics: Metrics): GatewayOptions['limiters'] {
  const limits = config.rateLimit;
  const { maxAddresses } = limits;
  const limiterOf = (scope: 'connect' | 'http', burst: number, windowMs: number, penaltyMs: number) => {
    const evicted = metrics.counter('commucat_rate_limit_evicted_total', { scope });
    const limit = { burst, windowMs, penaltyMs };
    const limiter = new RateLimiter({ clock, maxAddresses, limit, onEvicted: () => evicted.add() });
    metrics.gaugeFrom('commucat_rate_limit_addresses', () => limiter.size, { scope });
    return limiter;
  };
  return {
    connect: limiterOf('connect', limits.connectBurst, limits.connectWindowMs, limits.connectPenaltyMs),
    http: limiterOf('http', limits.httpBurst, limits.httpWindowMs, limits.httpPenaltyMs),
  };
}

function keyringOf(keys: readonly LoadedNoiseKey[]): NoiseKeyring {
  const [first, ...rest] = keys.map(({ version, privateKey, publicKey, createdAt }) => ({
    version,
    keyPair: { privateKey, publicKey },
    validAfter: createdAt,
    rotatesAt: createdAt + HUNDRED_YEARS,
    expiresAt: createdAt + HUNDRED_YEARS,
  }));
  if (first === undefined) {
    throw new TypeError('a server has at least one Noise key');
  }
  return { active: () => [first, ...rest] };
}
