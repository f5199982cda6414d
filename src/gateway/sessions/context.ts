import type { IncomingHttpHeaders } from 'node:http';
import type { Config } from '../../config/index.ts';
import type { Clock } from '../../ports/ports.ts';
import type { ByteArena } from '../../protocol/byte-arena.ts';
import type { RelayPort } from '../../relay-port/relay-port.ts';
import type { Logger, NameTags } from '../../telemetry/index.ts';
import type { ConnectionGuard } from '../admission/connection-guard.ts';
import type { PartialInput } from '../admission/partial-input.ts';
import type { SharedStreams } from '../admission/shared-streams.ts';
import type { Tickets } from '../admission/tickets.ts';
import type { GatewayCounters } from './gateway-counters.ts';
import type { ServerIdentity } from './handshake.ts';
import type { LinkTable } from './link-table.ts';

export interface LinkLimits {
  /** From the start of `/connect` to the ACK, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Longest frame of an established session, in bytes. */
  readonly maxFrame: number;
  /** Bytes on the way to the peer above which nothing more is read from it. */
  readonly sessionBacklogBytes: number;
  /** Time without progress of a write after which the peer is given up, in milliseconds. */
  readonly writeStallMs: number;
  /** Silence of ours after which a mode that has keepalives writes one, in milliseconds. */
  readonly keepaliveMs: number;
}

/** What all sessions of a gateway share. */
export interface GatewayContext {
  readonly relay: RelayPort;
  readonly links: LinkTable;
  readonly identity: ServerIdentity;
  readonly limits: LinkLimits;
  /** Caps and deadlines of connections and sessions, as configured. docs/limits.md. */
  readonly bounds: Config['limits'];
  readonly guard: ConnectionGuard;
  readonly tickets: Tickets;
  /** What peers have begun to send and not finished. */
  readonly partials: PartialInput;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: GatewayCounters;
  /** Decrypted records of all sessions lie here. */
  readonly arena: ByteArena;
  /** Whether a peer is a proxy that names the client of each request, and may share a connection among clients. */
  readonly namesClients: (peer: string) => boolean;
  /** What clients do on such connections. */
  readonly sharedStreams: SharedStreams;
  /** Who sent a request: the connection's peer, or whom a trusted proxy names in a header. */
  readonly clientAddress: (peer: string, headers: IncomingHttpHeaders) => string;
  /** Names for devices and users in logs. */
  readonly names: NameTags;
  /** A name for an address in logs: the same for the same peer while the process lives, and no way back to it. */
  readonly peerTag: (address: string) => string;
}
