import { type EventOf, STREAMS } from '../../events/streams.ts';
import type { EventLog, StreamAppend } from '../../log/event-log.ts';
import { LogError } from '../../log/log-error.ts';
import type { Clock, Random } from '../../ports/ports.ts';
import { toHex } from '../../protocol/bytes.ts';
import type { CryptoBackend, Ed25519Signer } from '../../protocol/crypto-backend.ts';
import {
  type DeviceCertificate,
  issueCertificate,
  verifyCertificate,
} from '../../protocol/identity/certificate.ts';
import { handleKey } from '../../protocol/identity/handle.ts';
import type { HandshakeRefusal, HelloFacts, UserSnapshot } from '../../relay-port/relay-port.ts';
import { Budget } from '../runtime/budget.ts';
import type { WriteBreaker } from '../runtime/write-breaker.ts';
import {
  type AccountDecision,
  type AccountPolicy,
  type AccountView,
  CERTIFICATE_LIFETIME,
  type Claim,
  type DeviceState,
  decideAccount,
  type UserState,
} from './account-decider.ts';
import { AccountReader } from './account-reader.ts';
import { type Registered, type RegisterRequest, RegistrationDesk } from './registration-desk.ts';

/** Bytes of a generated user id or session token; both are hex on the wire. */
const ID_BYTES = 32;
/** Seconds. */
const HOUR = 3600;

export interface AccountsOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly backend: CryptoBackend;
  /** Ed25519 secret seed of the device CA, 32 bytes. */
  readonly authoritySeed: Uint8Array;
  readonly policy: AccountPolicy;
  /** Whether a handshake may write now. @default always */
  readonly breaker?: WriteBreaker;
  /** A change of a profile was not taken because there were too many. */
  readonly profileKept?: () => void;
  /** Whether a device that has no account here has been here before: its account is lost. */
  readonly isSettled: (device: string) => boolean;
}

/** What `resolve` decided; `commit` writes it once the peer has proved its Noise key. */
export interface Admission {
  readonly hello: HelloFacts;
  readonly claim: Claim;
  readonly user: UserSnapshot;
  /** What the log said when the HELLO came; expected revisions find out whether it still holds. */
  readonly loaded: Loaded;
}

export type Resolved =
  | { readonly ok: true; readonly admission: Admission }
  | { readonly ok: false; readonly refusal: HandshakeRefusal; readonly reason: string };

export type Committed =
  | {
      readonly ok: true;
      readonly user: UserSnapshot;
      readonly pairingRequired: boolean;
      readonly certificate: DeviceCertificate;
    }
  | { readonly ok: false; readonly refusal: HandshakeRefusal; readonly reason: string };

type Accepted = Extract<AccountDecision, { ok: true }>;

interface Loaded {
  readonly view: AccountView;
  readonly deviceRevision: number;
}

/** Users and devices: resolved from the log, committed to the log, never from a read model. */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #signer: Ed25519Signer;
  readonly #profileChanges: Budget;
  readonly #reader: AccountReader;
  readonly #desk: RegistrationDesk;
  readonly authority: Uint8Array;

  constructor(options: AccountsOptions) {
    this.#options = options;
    const { profileChangesPerHour: changes } = options.policy;
    this.#profileChanges = new Budget(options.clock, { burst: changes, perSecond: changes / HOUR });
    this.#reader = new AccountReader(options.log);
    this.#desk = new RegistrationDesk(options, this.#reader);
    this.#signer = options.backend.ed25519Signer(options.authoritySeed);
    this.authority = this.#signer.publicKey;
  }

  /** Decides about a HELLO whose proof holds. Writes nothing: nobody has proved the Noise key yet. */
  async resolve(hello: HelloFacts): Promise<Resolved> {
    const { certificate } = hello;
    // Before anything is looked up: a forged certificate must not choose an account.
    if (certificate !== undefined && !verifyCertificate(this.#options.backend, certificate, this.authority)) {
      return { ok: false, refusal: 'crypto failure', reason: 'certificate_signature' };
    }
    const claim = claimOf(hello);
    const loaded = await this.#load(claim);
    const { decision } = this.#decide(claim, loaded.view, toHex(this.#options.random.bytes(ID_BYTES)));
    return decision.ok ? { ok: true, admission: { hello, claim, user: decision.user, loaded } } : decision;
  }

  /** Appends what was decided; decides again where the log has moved on. */
  async commit(admission: Admission): Promise<Committed> {
    const { claim } = admission;
    const { breaker } = this.#options;
    if (breaker?.mayTry() === false) return { ok: false, refusal: 'storage failure', reason: 'storage' };
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const loaded = attempt === 0 ? admission.loaded : await this.#load(claim);
      const { decision, isProfileKept } = this.#decide(claim, loaded.view, admission.user.id);
      if (!decision.ok) return decision;
      // Message 2 has already told the client who it is.
      if (decision.user.id !== admission.user.id) {
        return { ok: false, refusal: 'storage failure', reason: 'user_changed' };
      }
      const certificate = this.#certificate(admission, decision, loaded.view.device);
      const appends = this.#appends(admission, decision, loaded, certificate);
      try {
        if (appends.length > 0) await this.#options.log.append(appends);
      } catch (error) {
        if (error instanceof LogError && error.code === 'LOG_WRONG_REVISION') continue;
        breaker?.failed();
        throw error;
      }
      if (isProfileKept) {
        this.#options.profileKept?.();
      } else if (decision.profile !== undefined) {
        this.#profileChanges.take(decision.user.id, 1);
      }
      return { ok: true, user: decision.user, pairingRequired: decision.pairingRequired, certificate };
    }
    return { ok: false, refusal: 'storage failure', reason: 'conflict' };
  }

  /** The user of a registered device. */
  async userOf(device: string): Promise<string | undefined> {
    return (await this.#reader.device(device)).state?.user;
  }

  /**
   * Registers a user, and a device of it where a key is given, as the operator.
   *
   * @returns the user as it is now, or `undefined` when the handle or the device id is taken, or the named user is not there.
   */
  register(request: RegisterRequest): Promise<Registered | undefined> {
    return this.#desk.register(request);
  }

  /** A user whose profile has changed too often keeps it, and gets in all the same. */
  #decide(
    claim: Claim,
    view: AccountView,
    freshUserId: string,
  ): { readonly decision: AccountDecision; readonly isProfileKept: boolean } {
    const decision = decideAccount(claim, view, this.#options.policy, this.#seconds(), freshUserId);
    const { owner } = view;
    const changes = decision.ok && decision.profile !== undefined;
    if (!changes || owner === undefined || this.#profileChanges.allows(owner.id, 1)) {
      return { decision, isProfileKept: false };
    }
    return { decision: { ...decision, user: owner, profile: undefined }, isProfileKept: true };
  }

  #seconds(): number {
    return Math.floor(this.#options.clock.now() / 1000);
  }

  async #load(claim: Claim): Promise<Loaded> {
    const device = await this.#reader.device(claim.deviceId);
    if (device.state !== undefined) {
      const owner = await this.#reader.user(device.state.user);
      return {
        view: { device: device.state, owner, named: undefined, settled: true },
        deviceRevision: device.revision,
      };
    }
    const named = await this.#named(claim);
    return {
      view: { device: undefined, owner: undefined, named, settled: this.#options.isSettled(claim.deviceId) },
      deviceRevision: device.revision,
    };
  }

  async #named(claim: Claim): Promise<UserState | undefined> {
    const id = claim.certificate?.userId ?? claim.userId;
    if (id !== undefined) return this.#reader.user(id);
    const owner = claim.handle === undefined ? undefined : await this.#reader.ownerOf(claim.handle);
    return owner === undefined ? undefined : this.#reader.user(owner);
  }

  #certificate(admission: Admission, decision: Accepted, device: DeviceState | undefined): DeviceCertificate {
    const { hello } = admission;
    if (decision.certificate === 'echo' && hello.certificate !== undefined) return hello.certificate;
    const now = this.#seconds();
    // Ed25519 is deterministic: the facts of the log give the very certificate that was issued then.
    const known = decision.certificate === 'again' ? device?.certificate : undefined;
    return issueCertificate(this.#signer, {
      serial: known?.serial ?? freshSerial(this.#options.random),
      userId: decision.user.id,
      deviceId: hello.deviceId,
      publicKey: hello.devicePublic,
      issuedAt: known?.issuedAt ?? now,
      expiresAt: known?.expiresAt ?? now + CERTIFICATE_LIFETIME,
    });
  }

  #appends(
    admission: Admission,
    decision: Accepted,
    loaded: Loaded,
    certificate: DeviceCertificate,
  ): readonly StreamAppend[] {
    const { claim } = admission;
    const device: EventOf<'device'>[] = [];
    const appends: StreamAppend[] = [];
    const { id: user, handle, displayName, avatarUrl } = decision.user;
    if (decision.newcomer) {
      const { domain } = this.#options.policy;
      const { deviceId, devicePublic: publicKey } = claim;
      appends.push(
        STREAMS.handle.append(handleKey(handle), 'no-stream', [{ type: 'handle.reserved', user }]),
      );
      appends.push(
        STREAMS.user.append(user, 'no-stream', [
          { type: 'user.registered', user, handle, domain, displayName, avatarUrl },
          { type: 'user.device_added', device: deviceId },
        ]),
      );
      device.push({ type: 'device.registered', device: deviceId, user, publicKey, by: 'auto_approval' });
    } else if (decision.profile !== undefined) {
      appends.push(STREAMS.profile.append(user, 'any', [decision.profile]));
    }
    if (decision.certificate === 'issue') {
      const { serial } = certificate;
      const { devicePublic: publicKey } = claim;
      const issuedAt = Number(certificate.issuedAt);
      const expiresAt = Number(certificate.expiresAt);
      device.push({
        type: 'device.certificate_issued',
        device: claim.deviceId,
        publicKey,
        serial: serial.toString(),
        issuedAt,
        expiresAt,
      });
    }
    if (device.length > 0) {
      const expected = loaded.deviceRevision < 0 ? 'no-stream' : loaded.deviceRevision;
      appends.push(STREAMS.device.append(claim.deviceId, expected, device));
    }
    return appends;
  }
}

function claimOf(hello: HelloFacts): Claim {
  const { deviceId, userId, handle, displayName, avatarUrl, certificate } = hello;
  return {
    deviceId,
    devicePublic: toHex(hello.devicePublic),
    clientStatic: toHex(hello.clientStatic),
    userId,
    handle,
    displayName,
    avatarUrl,
    certificate,
  };
}

/** A serial that every JSON parser reads without loss: below 2^53. */
function freshSerial(random: Random): bigint {
  const view = new DataView(random.bytes(8).slice().buffer);
  return view.getBigUint64(0) >> 11n;
}
