import type { Random } from '../../ports/ports.ts';
import { concatBytes, copyBytes } from '../bytes.ts';
import { CRYPTO_LENGTHS, type CryptoBackend, CryptoError, type KeyPair } from '../crypto-backend.ts';
import { LIMITS } from '../limits.ts';
import type { CipherState } from './noise-cipher-state.ts';
import { NoiseError } from './noise-error.ts';
import { messageOverhead, NOISE_PATTERNS, type NoisePattern, type Token } from './noise-patterns.ts';
import { SymmetricState } from './noise-symmetric-state.ts';

export type { NoisePattern } from './noise-patterns.ts';

const { KEY, TAG } = CRYPTO_LENGTHS;
const EMPTY = new Uint8Array(0);

/** What a Noise handshake begins with. */
export interface HandshakeOptions {
  readonly backend: CryptoBackend;
  /** Source of the ephemeral private key. */
  readonly random: Random;
  readonly pattern: NoisePattern;
  readonly initiator: boolean;
  /** Both sides must use the same bytes. */
  readonly prologue: Uint8Array;
  /** Our own static key. Kept by reference, never changed or erased. */
  readonly staticKey: KeyPair;
  /** The responder's static public key: required for an initiator, not allowed for a responder. */
  readonly remoteStatic?: Uint8Array;
  /** A fixed ephemeral private key, for test vectors only: using one twice breaks the encryption. */
  readonly ephemeralForTests?: Uint8Array;
}

/** What a finished handshake leaves. */
export interface HandshakeResult {
  /** Encrypts what we send. */
  readonly send: CipherState;
  /** Decrypts what we receive. */
  readonly receive: CipherState;
  /** 32 bytes that are equal on both sides and unique for this session. */
  readonly handshakeHash: Uint8Array;
  /** The authenticated static public key of the peer. */
  readonly remoteStatic: Uint8Array;
}

type Phase = 'running' | 'finished' | 'dead';

/**
 * `HandshakeState` of the Noise specification for XK and IK, both roles. `writeMessage` and `readMessage` alternate until
 * `finished`, then `split` gives the transport ciphers once.
 *
 * A message that is refused ends the handshake: its keys are erased and every later call throws NoiseError code
 * `NOISE_ORDER`. To try several static keys on one message, make one HandshakeState for each.
 */
export class HandshakeState {
  readonly #backend: CryptoBackend;
  readonly #random: Random;
  readonly #initiator: boolean;
  readonly #messages: readonly (readonly Token[])[];
  readonly #symmetric: SymmetricState;
  readonly #staticKey: KeyPair;
  #ephemeral: KeyPair | undefined;
  #fixedEphemeral: Uint8Array | undefined;
  #remoteStatic: Uint8Array | undefined;
  #remoteEphemeral: Uint8Array | undefined;
  #step = 0;
  #phase: Phase = 'running';

  /** @throws NoiseError code `NOISE_KEY` for a key of wrong length, or a remote static key that is missing or superfluous */
  constructor(options: HandshakeOptions) {
    const { backend, initiator, remoteStatic, staticKey } = options;
    if (staticKey.privateKey.length !== KEY || staticKey.publicKey.length !== KEY) {
      throw new NoiseError('NOISE_KEY', 'static keys have 32 bytes');
    }
    if (initiator ? remoteStatic?.length !== KEY : remoteStatic !== undefined) {
      throw new NoiseError('NOISE_KEY', 'the initiator, and only the initiator, knows the remote static key');
    }
    this.#backend = backend;
    this.#random = options.random;
    this.#initiator = initiator;
    this.#staticKey = staticKey;
    this.#remoteStatic = remoteStatic === undefined ? undefined : copyBytes(remoteStatic);
    const { ephemeralForTests } = options;
    this.#fixedEphemeral = ephemeralForTests === undefined ? undefined : copyBytes(ephemeralForTests);
    const pattern = NOISE_PATTERNS[options.pattern];
    this.#messages = pattern.messages;
    this.#symmetric = new SymmetricState(backend, pattern.name);
    this.#symmetric.mixHash(options.prologue);
    this.#symmetric.mixHash(this.#remoteStatic ?? staticKey.publicKey);
  }

  /** True when all messages are exchanged and `split` may be called. */
  get finished(): boolean {
    return this.#phase === 'finished';
  }

  /**
   * The peer's static public key, once known: for a responder after the message that carries it. It is authenticated
   * only when the handshake is finished; `split` returns it, and it is gone here when the handshake is dead.
   */
  get remoteStatic(): Uint8Array | undefined {
    return this.#remoteStatic === undefined ? undefined : copyBytes(this.#remoteStatic);
  }

  /**
   * The next handshake message with `payload` encrypted in it.
   *
   * @throws NoiseError code `NOISE_ORDER`, `NOISE_KEY` (the peer's key is of small order) or `NOISE_LENGTH` (message above
   *   65 535 bytes; the state is unchanged then)
   */
  writeMessage(payload: Uint8Array = EMPTY): Uint8Array {
    const tokens = this.#takeTurn(true);
    if (messageOverhead(tokens) + payload.length > LIMITS.HANDSHAKE_MESSAGE_MAX) throw wrongLength();
    return this.#orDie(() => {
      const parts = tokens.map((token) => this.#writeToken(token));
      parts.push(this.#symmetric.encryptAndHash(payload));
      this.#advance();
      return concatBytes(...parts);
    });
  }

  /**
   * The payload of the peer's next handshake message.
   *
   * @throws NoiseError code `NOISE_ORDER`, or `NOISE_DECRYPT`, `NOISE_KEY`, `NOISE_LENGTH`, after which the state is dead
   */
  readMessage(message: Uint8Array): Uint8Array {
    const tokens = this.#takeTurn(false);
    return this.#orDie(() => {
      if (message.length > LIMITS.HANDSHAKE_MESSAGE_MAX || message.length < messageOverhead(tokens)) {
        throw wrongLength();
      }
      let offset = 0;
      for (const token of tokens) offset = this.#readToken(token, message, offset);
      const payload = this.#symmetric.decryptAndHash(message.subarray(offset));
      this.#advance();
      return payload;
    });
  }

  /** The transport ciphers; once, after the last message. @throws NoiseError code `NOISE_ORDER` */
  split(): HandshakeResult {
    const remoteStatic = this.#remoteStatic;
    if (this.#phase !== 'finished' || remoteStatic === undefined) {
      throw new NoiseError('NOISE_ORDER', 'the handshake is not finished');
    }
    const handshakeHash = this.#symmetric.handshakeHash();
    const [toResponder, toInitiator] = this.#symmetric.split();
    this.destroy();
    return {
      send: this.#initiator ? toResponder : toInitiator,
      receive: this.#initiator ? toInitiator : toResponder,
      handshakeHash,
      remoteStatic: copyBytes(remoteStatic),
    };
  }

  /** Erases the handshake's keys: for one that is given up. Ciphers from `split` live on. */
  destroy(): void {
    this.#phase = 'dead';
    this.#ephemeral?.privateKey.fill(0);
    this.#fixedEphemeral?.fill(0);
    this.#remoteStatic = undefined;
    this.#symmetric.destroy();
  }

  #takeTurn(writing: boolean): readonly Token[] {
    const tokens = this.#messages[this.#step];
    const ourTurn = (this.#step % 2 === 0) === this.#initiator;
    if (this.#phase !== 'running' || tokens === undefined || ourTurn !== writing) {
      throw new NoiseError(
        'NOISE_ORDER',
        `a ${this.#phase} handshake cannot ${writing ? 'write' : 'read'} now`,
      );
    }
    return tokens;
  }

  #advance(): void {
    this.#step += 1;
    if (this.#step === this.#messages.length) this.#phase = 'finished';
  }

  /** Runs one message; whatever fails on the way leaves nothing that could be used. */
  #orDie<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      this.destroy();
      if (error instanceof CryptoError) {
        throw new NoiseError('NOISE_KEY', 'unusable public key', { cause: error });
      }
      throw error;
    }
  }

  #writeToken(token: Token): Uint8Array {
    switch (token) {
      case 'e': {
        const privateKey = this.#fixedEphemeral ?? this.#random.bytes(KEY);
        const ephemeral = { privateKey, publicKey: this.#backend.x25519Public(privateKey) };
        this.#ephemeral = ephemeral;
        this.#symmetric.mixHash(ephemeral.publicKey);
        return ephemeral.publicKey;
      }
      case 's':
        return this.#symmetric.encryptAndHash(this.#staticKey.publicKey);
      default:
        this.#mixSharedSecret(token);
        return EMPTY;
    }
  }

  /** Handles one token of a message read and returns the offset behind its bytes. */
  #readToken(token: Token, message: Uint8Array, offset: number): number {
    switch (token) {
      case 'e': {
        const end = offset + KEY;
        this.#remoteEphemeral = copyBytes(message.subarray(offset, end));
        this.#symmetric.mixHash(this.#remoteEphemeral);
        return end;
      }
      case 's': {
        const end = offset + KEY + TAG;
        this.#remoteStatic = this.#symmetric.decryptAndHash(message.subarray(offset, end));
        return end;
      }
      default:
        this.#mixSharedSecret(token);
        return offset;
    }
  }

  /** The first letter of a token is the initiator's key, the second the responder's. */
  #mixSharedSecret(token: Exclude<Token, 'e' | 's'>): void {
    const ours = this.#initiator ? token[0] : token[1];
    const theirs = this.#initiator ? token[1] : token[0];
    const own = ours === 'e' ? this.#ephemeral : this.#staticKey;
    const remote = theirs === 'e' ? this.#remoteEphemeral : this.#remoteStatic;
    if (own === undefined || remote === undefined) {
      throw new NoiseError('NOISE_ORDER', 'a key is not known yet');
    }
    this.#symmetric.mixKey(this.#backend.x25519(own.privateKey, remote));
  }
}

function wrongLength(): NoiseError {
  return new NoiseError('NOISE_LENGTH', 'no Noise message of this pattern has that length');
}
