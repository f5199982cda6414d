import type { WireErrorCode } from '../protocol/frames/errors.ts';
import type { Frame } from '../protocol/frames/frame.ts';
import type { DeviceCertificate } from '../protocol/identity/certificate.ts';

/**
 * The boundary between the gateway (TLS, HTTP/2, Noise, records, frame codec) and the relay (actors, delivery, log).
 * Only plain data crosses it, so that the gateway can move to worker threads: a thread's adapter batches these calls.
 */

/** Chosen by the gateway, 1 to 2^48 - 1, never reused while the process lives. */
export type SessionNumber = number;

/** A durable frame that was refused for good: sent again, it is refused again. PROTOCOL.md 11.3. */
export interface FrameRefusal {
  readonly sequence: number;
  readonly error: WireErrorCode;
}

export type Generation = 'records' | 'plaintext';

/** What a HELLO said, after its proof and Noise message 1 were verified. Nothing in it is trusted as an identity yet. */
export interface HelloFacts {
  readonly session: SessionNumber;
  readonly deviceId: string;
  /** Ed25519 device key, 32 bytes; the proof holds for it. */
  readonly devicePublic: Uint8Array;
  /** X25519 key named in HELLO, 32 bytes; the gateway compares it with the Noise static before `establish`. */
  readonly clientStatic: Uint8Array;
  readonly pattern: 'XK' | 'IK';
  readonly capabilities: readonly string[];
  readonly userId: string | undefined;
  readonly handle: string | undefined;
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
  readonly certificate: DeviceCertificate | undefined;
  readonly generation: Generation;
  readonly noiseKeyVersion: number;
}

export interface UserSnapshot {
  readonly id: string;
  readonly handle: string;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
}

/** Why a handshake is refused: the texts of PROTOCOL.md, which a client may see. */
export type HandshakeRefusal = 'invalid request' | 'crypto failure' | 'storage failure' | 'pairing required';

export type Resolution =
  | { readonly ok: true; readonly sessionToken: string; readonly user: UserSnapshot }
  | { readonly ok: false; readonly refusal: HandshakeRefusal; readonly reason: string };

/** What has become of the durable frames that a device sent before. PROTOCOL.md 11.3. */
export interface Resumption {
  /** Highest sequence in the log; 0 at first. */
  readonly received: number;
  /** The history of the log in which it was received. */
  readonly epoch: string;
  /** The newest frames that were refused for good and not stored since. */
  readonly refused: readonly FrameRefusal[];
}

/** What the handshake ACK says beyond the facts that the gateway knows itself (Noise keys, keepalive). */
export interface EstablishedFacts {
  readonly sessionToken: string;
  readonly user: UserSnapshot;
  readonly pairingRequired: boolean;
  readonly certificate: DeviceCertificate;
  /** Ed25519 public key of the device CA. */
  readonly authority: Uint8Array;
  /** Capabilities in force, sorted. */
  readonly capabilities: readonly string[];
  /** With `delivery-ack`; `since` is the first number that the history `epoch` may have given to this device. */
  readonly inbox:
    | {
        readonly confirmed: number;
        readonly next: number;
        readonly epoch: string;
        readonly since: number;
      }
    | undefined;
  /** With `resume`. */
  readonly resume: Resumption | undefined;
}

export type Establishment =
  | { readonly ok: true; readonly facts: EstablishedFacts }
  | { readonly ok: false; readonly refusal: HandshakeRefusal; readonly reason: string };

/** Gateway to relay. */
export interface RelayPort {
  /** Resolves device and user and generates ids. Writes nothing. */
  resolve(hello: HelloFacts): Promise<Resolution>;
  /** The peer has proved its Noise key: commits what `resolve` decided and opens the session. */
  establish(session: SessionNumber): Promise<Establishment>;
  /** The ACK is queued: stored mail and live traffic may follow. */
  begin(session: SessionNumber): void;
  /** One upstream frame. Its payload stays valid and unchanged for as long as the relay wants. */
  frame(session: SessionNumber, frame: Frame): void;
  /** Our transport has taken everything up to the flush with this mark: more may be sent. */
  taken(session: SessionNumber, mark: number): void;
  /** The peer's transport has received everything up to the flush with this mark, as far as the protocol can tell. */
  received(session: SessionNumber, mark: number): void;
  /** The link's backlog is below its low-water mark again after `LinkPort.backlog` was above the high one. */
  writable(session: SessionNumber): void;
  /** The link is gone or going; the session number is dead. Also ends a handshake between `resolve` and `begin`. */
  closed(session: SessionNumber, reason: string): void;
}

/** Relay to gateway. Unknown (already closed) session numbers are ignored. */
export interface LinkPort {
  /**
   * Queues one frame; the payload is copied before the call returns. Nothing is written before `flush`. Only the array of
   * an ACK may be filled again afterwards: any other payload never changes, so that one copy can serve many sessions.
   */
  send(session: SessionNumber, type: number, channel: number, sequence: number, payload: Uint8Array): void;
  /**
   * Writes what is queued: as few records as possible, one write. With `mark` > 0 (at most 2^48 - 1), `RelayPort.taken`
   * follows once the transport has taken these bytes.
   */
  flush(session: SessionNumber, mark: number): void;
  /** Bytes queued here or in the transport that the peer has not taken. */
  backlog(session: SessionNumber): number;
  /** Stops reading from the peer, or goes on: what it sends then waits in its own buffers. */
  hold(session: SessionNumber, held: boolean): void;
  /** Flushes what is queued, then ends the stream cleanly. `RelayPort.closed` is not called for it. */
  end(session: SessionNumber, reason: string): void;
}
