import type { Clock } from '../ports/ports.ts';
import type { Presence, PresenceEntry, PresenceUser } from './presence.ts';

interface Owned extends Omit<PresenceEntry, 'expiresAt'> {
  readonly session: number;
  /** On the monotonic clock: a date that jumps makes nobody disappear. */
  readonly due: number;
}

/** Presence of one server, in its own memory. */
export class MemoryPresence implements Presence {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  /** In the order in which the entries expire: each write moves its entry to the end, and all live equally long. */
  readonly #entries = new Map<string, Owned>();

  /** @param ttlSeconds `limits.presence_ttl` */
  constructor(clock: Clock, ttlSeconds: number) {
    this.#clock = clock;
    this.#ttlMs = ttlSeconds * 1000;
  }

  async online(device: string, session: number, user: PresenceUser | null): Promise<void> {
    this.#put({ entity: device, state: 'online', user, session });
  }

  async publish(device: string, session: number, state: string): Promise<void> {
    this.#change(device, session, state);
  }

  async refresh(device: string, session: number): Promise<void> {
    this.#change(device, session, undefined);
  }

  async offline(device: string, session: number): Promise<void> {
    this.#change(device, session, 'offline');
  }

  async get(device: string): Promise<PresenceEntry | undefined> {
    const owned = this.#entries.get(device);
    if (owned === undefined) return undefined;
    const { session: _session, due, ...entry } = owned;
    const left = due - this.#clock.monotonic();
    return left <= 0 ? undefined : { ...entry, expiresAt: this.#clock.now() + left };
  }

  /** An owner that comes back after its entry has expired (a suspended machine) finds it again until somebody else writes. */
  #change(device: string, session: number, state: string | undefined): void {
    const owned = this.#entries.get(device);
    if (owned === undefined || owned.session !== session) return;
    this.#put({ ...owned, state: state ?? owned.state });
  }

  #put(entry: Omit<Owned, 'due'>): void {
    const now = this.#clock.monotonic();
    this.#entries.delete(entry.entity);
    this.#entries.set(entry.entity, { ...entry, due: now + this.#ttlMs });
    for (const [device, { due }] of this.#entries) {
      if (due > now) break;
      this.#entries.delete(device);
    }
  }
}
