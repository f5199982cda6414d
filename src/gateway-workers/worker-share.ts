import type { Config } from '../config/index.ts';

/** How much more than its even share of an address's connections a worker takes. */
const UNEVEN = 2;

/**
 * The configuration of one of `server.workers`. Each counts for itself, and the operating system spreads connections by
 * a hash of their addresses and ports: about evenly when there are many, anyhow when there are few.
 *
 * Limits on the whole server are divided. Those per address leave room for twice the even share, so that together the
 * workers let an address have at most twice what is configured, and one that stays below half of it is seldom refused.
 */
export function workerShare(config: Config): Config {
  const { workers } = config.server;
  const { limits, rateLimit } = config;
  const inAll = (limit: number): number => Math.ceil(limit / workers);
  const perAddress = (limit: number): number => Math.min(limit, Math.ceil((UNEVEN * limit) / workers));
  return {
    ...config,
    limits: {
      ...limits,
      connections: inAll(limits.connections),
      halfOpen: inAll(limits.halfOpen),
      handshakes: inAll(limits.handshakes),
      sessions: inAll(limits.sessions),
      partialInputBytes: inAll(limits.partialInputBytes),
      connectionsPerAddress: perAddress(limits.connectionsPerAddress),
      halfOpenPerAddress: perAddress(limits.halfOpenPerAddress),
      handshakesPerAddress: perAddress(limits.handshakesPerAddress),
      sessionsPerAddress: perAddress(limits.sessionsPerAddress),
    },
    rateLimit: {
      ...rateLimit,
      connectBurst: perAddress(rateLimit.connectBurst),
      knownBurst: perAddress(rateLimit.knownBurst),
      httpBurst: perAddress(rateLimit.httpBurst),
    },
  };
}
