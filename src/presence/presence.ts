/** Who is shown as the owner of a device. */
export interface PresenceUser {
  readonly id: string;
  readonly handle: string;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
}

export interface PresenceEntry {
  /** The device id. */
  readonly entity: string;
  /** `online`, `offline`, or what the device says about itself. */
  readonly state: string;
  /** Milliseconds since the Unix epoch; the entry is gone from then on. */
  readonly expiresAt: number;
  readonly user: PresenceUser | null;
}

/**
 * Which devices are there, known for a limited time (`limits.presence_ttl`) so that a crashed server leaves no ghosts.
 * PROTOCOL.md 5.6. An entry belongs to the session that called `online` last: a connection that was replaced can
 * neither change nor end what its successor has written. Every adapter passes `presence.contract.ts`.
 */
export interface Presence {
  /** A session of the device is established: it takes the entry over, with state `online`. */
  online(device: string, session: number, user: PresenceUser | null): Promise<void>;
  /** What the device says about itself. No effect for a session that does not own the entry. */
  publish(device: string, session: number, state: string): Promise<void>;
  /** The session is still connected: its entry lives for another ttl. No effect for a session that does not own it. */
  refresh(device: string, session: number): Promise<void>;
  /** The session is gone: state `offline`, forgotten after the ttl. No effect for a session that does not own the entry. */
  offline(device: string, session: number): Promise<void>;
  get(device: string): Promise<PresenceEntry | undefined>;
}
