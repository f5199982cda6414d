import type { Config } from '../config/index.ts';
import type { NoiseKey, NoiseKeyring } from '../keys/index.ts';
import { LIMIT_TABLE } from '../limits/index.ts';
import type { Clock } from '../ports/ports.ts';
import type { Metrics } from '../telemetry/index.ts';
import { type RateLimit, RateLimiter } from './admission/rate-limiter.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';

/** What `deviceConnects` is measured over, in milliseconds. */
const DEVICE_WINDOW_MS = 10_000;

type Scope = 'connect' | 'known' | 'device' | 'http';
type Derived = 'keyring' | 'limiters';

export interface CreateGatewayOptions extends Omit<GatewayOptions, Derived> {
  /** Newest first, at least one. */
  readonly keys: readonly NoiseKey[];
}

/** A gateway with all that follows from the configuration, in the server's own thread or in a worker. */
export function createGateway({ keys, ...options }: CreateGatewayOptions): Gateway {
  const { clock, config, metrics } = options;
  const limiters = rateLimiters(config, clock, metrics);
  return new Gateway({ ...options, limiters, keyring: keyringOf(keys) });
}

/** Every rate limiter of a gateway, as configured. */
export function rateLimiters(config: Config, clock: Clock, metrics: Metrics): GatewayOptions['limiters'] {
  const limits = config.rateLimit;
  const { maxAddresses } = limits;
  const limiterOf = (scope: Scope, limit: RateLimit, keyOf?: (name: string) => string) => {
    const evicted = metrics.counter('commucat_rate_limit_evicted_total', { scope });
    const options = { clock, maxAddresses, limit, onEvicted: () => evicted.add() };
    const limiter = new RateLimiter(keyOf === undefined ? options : { ...options, keyOf });
    metrics.gaugeFrom('commucat_rate_limit_addresses', () => limiter.size, { scope });
    return limiter;
  };
  return {
    connect: limiterOf('connect', {
      burst: limits.connectBurst,
      windowMs: limits.connectWindowMs,
      penaltyMs: limits.connectPenaltyMs,
    }),
    known: limiterOf('known', { burst: limits.knownBurst, windowMs: limits.knownWindowMs, penaltyMs: 0 }),
    device: limiterOf(
      'device',
      { burst: LIMIT_TABLE.deviceConnects.value, windowMs: DEVICE_WINDOW_MS, penaltyMs: 0 },
      (device) => device,
    ),
    http: limiterOf('http', {
      burst: limits.httpBurst,
      windowMs: limits.httpWindowMs,
      penaltyMs: limits.httpPenaltyMs,
    }),
  };
}

function keyringOf([first, ...rest]: readonly NoiseKey[]): NoiseKeyring {
  if (first === undefined) throw new TypeError('a server has at least one Noise key');
  return { active: () => [first, ...rest] };
}
