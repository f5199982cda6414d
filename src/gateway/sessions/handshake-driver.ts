import { LIMIT_TABLE } from '../../limits/index.ts';
import type { CancelTimer } from '../../ports/ports.ts';
import { concatBytes } from '../../protocol/bytes.ts';
import { decodeErrorPayload, handshakeErrorPayload } from '../../protocol/frames/errors.ts';
import { encodeFrame, type Frame, FrameError } from '../../protocol/frames/frame.ts';
import { FrameDecoder } from '../../protocol/frames/frame-decoder.ts';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import type { HandshakeResult } from '../../protocol/noise/noise.ts';
import type { Establishment, Resolution, SessionNumber } from '../../relay-port/relay-port.ts';
import { sessionTag } from '../../telemetry/index.ts';
import type { PartialHolder } from '../admission/partial-input.ts';
import type { KnownDevice } from '../admission/tickets.ts';
import type { ConnectMode } from '../transports/connect-mode.ts';
import type { Transport, TransportHandler } from '../transports/transport.ts';
import type { GatewayContext } from './context.ts';
import type { Endpoint } from './endpoint.ts';
import { Handshake, Refused } from './handshake.ts';
import { Link } from './link.ts';

/** Sequences of our AUTH and ACK, and of an ERROR in place of either. PROTOCOL.md 1.7, 3.12. */
const AUTH_SEQUENCE = 1;
const ACK_SEQUENCE = 2;
const NOTHING = new Uint8Array(0);

export interface Caller {
  readonly address: string;
  readonly userAgent: string;
  readonly mode: ConnectMode;
  /** Whom its ticket names. */
  readonly known: KnownDevice | undefined;
}

type Deadline = 'handshakeTimeoutMs' | 'helloTimeoutMs' | 'authTimeoutMs';

/** Why a handshake that passed a deadline was abandoned, as metrics name it. */
const DEADLINE_REASONS = {
  handshakeTimeoutMs: 'deadline',
  helloTimeoutMs: 'hello_deadline',
  authTimeoutMs: 'auth_deadline',
} as const;

type Phase = 'hello' | 'resolving' | 'auth' | 'establishing' | 'over';

/** Runs a handshake over a transport whose response head is sent. A session comes out of it, or an ERROR. */
export function startHandshake(context: GatewayContext, transport: Transport, caller: Caller): void {
  transport.attach(new HandshakeDriver(context, transport, caller));
}

/**
 * Runs one handshake over a transport and turns it into a Link. It asks the relay twice, `resolve` after HELLO and
 * `establish` after the proof; meanwhile nothing is read. Whatever goes wrong ends with at most one ERROR and a clean end
 * of the stream, and `RelayPort.closed` follows exactly once if `resolve` was called. PROTOCOL.md 3.
 */
class HandshakeDriver implements Endpoint, TransportHandler, PartialHolder {
  readonly #context: GatewayContext;
  readonly #transport: Transport;
  readonly #caller: Caller;
  readonly #session: SessionNumber;
  readonly #handshake: Handshake;
  readonly #decoder = new FrameDecoder({ maxFrameLength: LIMIT_TABLE.handshakeFrame.value });
  readonly #startedAt: number;
  readonly #cancelDeadline: CancelTimer;
  readonly #leaveGuard: () => void;
  /** Deadline of the step that the peer has to take. */
  #cancelStep: CancelTimer;
  #phase: Phase = 'hello';
  /** True from `resolve` on: the relay knows the session. */
  #known = false;
  #endSeen = false;
  /** Chunks whose end may lie behind the frame that the decoder gives next. */
  #chunks: Uint8Array[] = [];
  #generation: 'records' | 'plaintext' = 'records';
  /** From HELLO. */
  #device = '';
  /** Bytes that the transport keeps of what the peer has begun. */
  #heldBelow = 0;

  constructor(context: GatewayContext, transport: Transport, caller: Caller) {
    this.#context = context;
    this.#transport = transport;
    this.#caller = caller;
    this.#session = context.links.nextNumber();
    this.#handshake = new Handshake(context.identity);
    this.#startedAt = context.clock.monotonic();
    const { bounds, clock, guard, limits } = context;
    this.#leaveGuard = guard.handshake(caller.address);
    this.#cancelDeadline = clock.after(limits.handshakeTimeoutMs, () => this.#expire('handshakeTimeoutMs'));
    this.#cancelStep = clock.after(bounds.helloTimeoutMs, () => this.#expire('helloTimeoutMs'));
    context.links.set(this.#session, this);
  }

  onData(chunk: Uint8Array): void {
    if (this.#phase === 'over') return;
    // The decoder has taken in what came before, unless it had to wait for the relay.
    if (this.#decoder.buffered === 0 || this.#phase === 'hello' || this.#phase === 'auth') {
      this.#chunks = [chunk];
    } else this.#chunks.push(chunk);
    this.#orRefuse(() => {
      this.#decoder.push(chunk);
      this.#step();
    });
    this.#holds();
  }

  onHeld(bytes: number): void {
    this.#heldBelow = bytes;
    this.#holds();
  }

  outOfRoom(): void {
    this.#abandon('out_of_room');
  }

  /** Without a request body there is nobody to answer; the reference says nothing either. */
  onEnd(): void {
    this.#endSeen = true;
    // A client may end its side right behind AUTH, which still deserves its ACK.
    if (this.#phase === 'hello' || this.#phase === 'auth') this.#abandon('ended');
  }

  onClosed(reason = 'connection_lost'): void {
    this.#abandon(reason);
  }

  /** Nothing may pass the ACK; the relay sends nothing to a session before `begin`. */
  send(): void {}
  hold(): void {}

  flush(): void {}
  backlog(): number {
    return 0;
  }

  /** The relay gives the session up, for example because the device has connected again meanwhile. */
  end(reason: string): void {
    if (this.#phase === 'over') return;
    this.#known = false;
    this.#abandon(reason);
  }

  tick(): void {}

  shutDown(): void {
    this.#abandon('shutting_down');
  }

  /** Takes the next frame if it is the peer's turn. */
  #step(): void {
    if (this.#phase !== 'hello' && this.#phase !== 'auth') return;
    const frame = this.#decoder.next();
    if (frame === undefined) return;
    this.#transport.pause();
    if (this.#phase === 'hello') this.#onHello(frame);
    else this.#onAuth(frame);
  }

  #onHello(frame: Frame): void {
    const facts = this.#handshake.hello(frame, this.#session, this.#caller.userAgent);
    this.#device = facts.deviceId;
    // It was let in ahead of others as somebody else.
    if (this.#caller.known?.isOf(facts.deviceId) === false) {
      throw new Refused(handshakeErrorPayload('invalid request'), 'foreign_ticket');
    }
    this.#phase = 'resolving';
    this.#cancelStep();
    this.#generation = facts.generation;
    this.#known = true;
    void this.#ask(
      () => this.#context.relay.resolve(facts),
      (resolution) => this.#onResolution(resolution, frame.channel),
    );
  }

  #onResolution(resolution: Resolution, channel: number): void {
    if (!resolution.ok) throw this.#handshake.refused(resolution.refusal, resolution.reason);
    const auth = this.#handshake.auth(resolution);
    this.#writeFrame(FRAME.AUTH, channel, AUTH_SEQUENCE, auth);
    this.#phase = 'auth';
    const { bounds, clock } = this.#context;
    this.#cancelStep = clock.after(bounds.authTimeoutMs, () => this.#expire('authTimeoutMs'));
    this.#transport.resume();
    this.#step();
    // The end of the body came while we were asking, and no AUTH before it.
    if (this.#phase === 'auth' && this.#endSeen) this.#abandon('ended');
  }

  #onAuth(frame: Frame): void {
    const result = this.#handshake.proof(frame);
    this.#phase = 'establishing';
    this.#cancelStep();
    void this.#ask(
      () => this.#context.relay.establish(this.#session),
      (establishment) => this.#onEstablishment(establishment, result),
    );
  }

  #onEstablishment(establishment: Establishment, { send, receive }: HandshakeResult): void {
    if (!establishment.ok) throw this.#handshake.refused(establishment.refusal, establishment.reason);
    const { facts } = establishment;
    const { clock, counters, guard, links, logger, names, peerTag, relay, tickets } = this.#context;
    this.#writeFrame(
      FRAME.ACK,
      0,
      ACK_SEQUENCE,
      this.#handshake.acknowledgement(facts, tickets.issue(this.#device)),
    );
    const rest = this.#rest();
    const { pattern } = this.#handshake;
    this.#leave();
    counters.handshake(pattern, 'established');
    counters.handshakeSeconds.observe((clock.monotonic() - this.#startedAt) / 1000);
    const tag = sessionTag(facts.sessionToken);
    const opened = {
      session: tag,
      device: names.device(this.#device),
      user: names.user(facts.user.id),
      pattern,
      generation: this.#generation,
      mode: this.#caller.mode,
      peer: peerTag(this.#caller.address),
    };
    logger.info(opened, 'session opened');
    if (this.#generation === 'plaintext') {
      logger.warn({ session: tag }, 'session of the older generation: only TLS protects its frames');
    }
    const link = new Link(this.#context, this.#transport, {
      session: this.#session,
      tag,
      generation: this.#generation,
      ciphers: { send, receive },
      controlSequence: ACK_SEQUENCE + 1,
      ended: guard.session(this.#caller.address),
    });
    links.set(this.#session, link);
    this.#transport.attach(link);
    relay.begin(this.#session);
    // What came behind AUTH belongs to the record layer (PROTOCOL.md 9, Q-20), but only now that the ACK is on its way.
    if (rest.length > 0) link.onData(rest);
    if (this.#endSeen) link.onEnd();
    this.#transport.resume();
  }

  /** Bytes that arrived and belong to no handshake frame. */
  #rest(): Uint8Array {
    const { buffered } = this.#decoder;
    if (buffered === 0) return NOTHING;
    const all = this.#chunks.length === 1 ? (this.#chunks[0] ?? NOTHING) : concatBytes(...this.#chunks);
    return all.subarray(all.length - buffered);
  }

  /** Asks the relay and goes on with its answer, unless the handshake is over by then. */
  async #ask<T>(question: () => Promise<T>, answered: (answer: T) => void): Promise<void> {
    let answer: T;
    try {
      answer = await question();
    } catch (error) {
      this.#context.logger.error({ err: error }, 'the relay failed in a handshake');
      this.#refuse(handshakeErrorPayload('storage failure'), 'relay_failed');
      return;
    }
    if (this.#phase !== 'over') this.#orRefuse(() => answered(answer));
  }

  #orRefuse(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (error instanceof Refused) this.#refuse(error.payload, error.reason);
      else if (error instanceof FrameError) this.#refuse(decodeErrorPayload(), 'decode');
      else {
        this.#context.logger.error({ err: error }, 'handshake failed');
        this.#refuse(handshakeErrorPayload('codec failure'), 'internal');
      }
    }
  }

  #expire(deadline: Deadline): void {
    if (this.#phase === 'over') return;
    this.#context.counters.limitReached(deadline);
    this.#say(handshakeErrorPayload('invalid request'), 'handshake');
    this.#abandon(DEADLINE_REASONS[deadline]);
  }

  #refuse(payload: Uint8Array, reason: string): void {
    if (this.#phase === 'over') return;
    this.#say(payload, reason === 'decode' ? 'decode' : 'handshake');
    this.#finish('rejected', reason);
  }

  #abandon(reason: string): void {
    if (this.#phase !== 'over') this.#finish('abandoned', reason);
  }

  #say(payload: Uint8Array, code: 'decode' | 'handshake'): void {
    const waitsForHello = this.#phase === 'hello' || this.#phase === 'resolving';
    this.#writeFrame(FRAME.ERROR, 0, waitsForHello ? AUTH_SEQUENCE : ACK_SEQUENCE, payload);
    this.#context.counters.errorSent(code);
  }

  #finish(result: 'rejected' | 'abandoned', reason: string): void {
    const { counters, links, logger, names, peerTag, relay } = this.#context;
    const device = this.#device === '' ? undefined : names.device(this.#device);
    const known = this.#known;
    this.#leave();
    links.delete(this.#session);
    this.#handshake.destroy();
    // Why we rejected it is nobody's business but ours.
    this.#transport.end(result === 'rejected' ? 'handshake' : reason);
    counters.handshake(this.#handshake.pattern, result);
    counters.handshakeFailed(reason);
    logger.info({ result, reason, device, peer: peerTag(this.#caller.address) }, 'handshake failed');
    if (known) relay.closed(this.#session, `handshake_${reason}`);
  }

  #holds(): void {
    const held = this.#phase === 'over' ? 0 : this.#decoder.buffered + this.#decoder.held + this.#heldBelow;
    this.#context.partials.keep(this, held);
  }

  #leave(): void {
    this.#phase = 'over';
    this.#decoder.discard();
    this.#holds();
    this.#cancelDeadline();
    this.#cancelStep();
    this.#leaveGuard();
    this.#chunks = [];
  }

  #writeFrame(type: number, channel: number, sequence: number, payload: Uint8Array): void {
    const frame = encodeFrame(type, channel, sequence, payload);
    this.#transport.write([frame], () => undefined, [{ type, channel, sequence }]);
    this.#context.counters.egress[type]?.add();
  }
}
