import { sodiumBackend } from '../../src/crypto/index.ts';
import { toHex, utf8 } from '../../src/protocol/bytes.ts';
import { parseClientAuth, parseHello } from '../../src/protocol/control/index.ts';
import { errorPayload, handshakeErrorPayload } from '../../src/protocol/frames/errors.ts';
import { encodeFrame, type Frame } from '../../src/protocol/frames/frame.ts';
import { FrameDecoder } from '../../src/protocol/frames/frame-decoder.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { certificateToJson, issueCertificate } from '../../src/protocol/identity/certificate.ts';
import { deriveAuthorityKey, noiseKeyPair } from '../../src/protocol/identity/keys.ts';
import { encodeJson, isJsonObject, type JsonInput, parseJson } from '../../src/protocol/json/json.ts';
import { HandshakeState } from '../../src/protocol/noise/noise.ts';
import { NoiseError } from '../../src/protocol/noise/noise-error.ts';
import {
  RECORD_ROOM_BEFORE,
  RECORD_ROOM_BEHIND,
  RecordOpener,
  RecordSealer,
} from '../../src/protocol/noise/record.ts';
import { serialAfter, serialNext } from '../../src/protocol/serial.ts';
import { systemRandom } from '../../src/system/index.ts';
import type { Scheduler } from '../kit/scheduler.ts';

export const backend = sodiumBackend;
export const DOMAIN = 'simulated.test';
const STATIC = noiseKeyPair(backend, new Uint8Array(32).fill(0x33));
export const SERVER_STATIC = STATIC.publicKey;

/** What the server needs of a connection. */
export interface Wire {
  write(bytes: Uint8Array): void;
  end(): void;
}

interface Letter {
  readonly number: number;
  readonly channel: number;
  readonly type: number;
  readonly payload: Uint8Array;
}

export interface Posted {
  readonly sequence: number;
  readonly channel: number;
  readonly text: string;
}

/**
 * What PROTOCOL.md 3, 4 and 11 ask of a server that serves one device, and no more: it commits late, forgets channels in a
 * crash, and can be told to misbehave.
 */
export class SimulatedServer {
  readonly clock: Scheduler;
  /** Durable frames of the device, in the order of the log. */
  readonly log: Posted[] = [];
  /** Channels that the device may use. */
  channels = new Set<number>();
  granted: readonly string[] = ['delivery-ack', 'resume'];
  /** The history of the log, and its first inbox number; none: an older server. */
  history: { readonly epoch: string; readonly since: number } | undefined;
  authority = deriveAuthorityKey(backend, new Uint8Array(32).fill(5));
  staticKey = STATIC;
  domain = DOMAIN;
  /** Milliseconds until a frame is in the log. A break does not stop it, a crash does. */
  commitMs = 2;
  received = 0;
  confirmed = 0;
  /** Highest inbox number given out. */
  last = 0;
  /** Every confirmation, in order. */
  readonly confirmations: number[] = [];
  /** Sequences of durable frames as they arrived, repetitions included. */
  readonly arrived: number[] = [];
  /** JOINs as they arrived. */
  readonly joins: { readonly channel: number; readonly sequence: number }[] = [];
  hellos = 0;
  /** What the HELLOs carried as `certificate`. */
  readonly certificates: unknown[] = [];
  ended = 0;
  /** Changes the members of AUTH. */
  editAuth: (auth: Record<string, JsonInput>) => Record<string, JsonInput> = (auth) => auth;
  /** Changes the members of the handshake's ACK. */
  editAck: (ack: Record<string, JsonInput>) => Record<string, JsonInput> = (ack) => ack;
  /** Answers a HELLO by this ERROR payload. */
  refusal: Uint8Array | undefined;
  /** Does not answer HELLO. */
  silent = false;
  /** Looks at each durable frame; a code refuses it. */
  refuse: (posted: Posted) => 'storage' | 'forbidden' | 'mailbox_full' | undefined = () => undefined;
  /** What was refused for good; the newest go into `resume`, unless the server is an old one. */
  readonly refusals: { readonly sequence: number; readonly error: string }[] = [];
  namesRefusals = true;
  /** Members of each ACK of a durable frame. */
  counts: Record<string, JsonInput> = {};
  accepted = 0;
  letters: Letter[] = [];
  readonly sessions = new Set<SimulatedSession>();
  readonly #pending: { readonly posted: Posted; readonly done: () => void }[] = [];

  constructor(clock: Scheduler) {
    this.clock = clock;
  }

  accept(wire: Wire): { chunk(bytes: Uint8Array): void; ended(): void; closed(): void } {
    const session = new SimulatedSession(this, wire);
    for (const older of this.sessions) older.closed();
    this.sessions.add(session);
    return session;
  }

  /** Another device posts something to this one. */
  deliver(text: string, channel = 7, type: number = FRAME.MSG): void {
    this.last = serialNext(this.last);
    this.letters.push({ number: this.last, channel, type, payload: utf8(text) });
    for (const session of this.sessions) session.pump();
  }

  /** Everything that is not in the log is gone. */
  crash(): void {
    this.#pending.length = 0;
    this.accepted = this.received;
    this.channels = new Set();
    for (const session of this.sessions) session.drop();
  }

  confirm(number: number): void {
    this.confirmations.push(number);
    if (!serialAfter(number, this.confirmed)) return;
    this.confirmed = number;
    this.letters = this.letters.filter((letter) => serialAfter(letter.number, number));
  }

  /** Puts a frame into the log, a little later. */
  commit(posted: Posted, done: () => void): void {
    this.arrived.push(posted.sequence);
    const repeated = this.accepted !== 0 && !serialAfter(posted.sequence, this.accepted);
    if (!repeated) this.accepted = posted.sequence;
    const entry = { posted, done };
    this.#pending.push(entry);
    this.clock.after(this.commitMs, () => {
      if (!this.#pending.includes(entry)) return;
      this.#pending.splice(this.#pending.indexOf(entry), 1);
      if (!repeated) {
        this.log.push(posted);
        this.received = posted.sequence;
      }
      done();
    });
  }
}

class SimulatedSession {
  readonly #server: SimulatedServer;
  readonly #wire: Wire;
  #plain = new FrameDecoder();
  #noise: HandshakeState | undefined;
  #opener: RecordOpener | undefined;
  #sealer: RecordSealer | undefined;
  #frames = new FrameDecoder();
  #device: ReturnType<typeof parseHello> | undefined;
  #sent = 0;
  #control = 2;
  #open = true;

  constructor(server: SimulatedServer, wire: Wire) {
    this.#server = server;
    this.#wire = wire;
  }

  chunk(bytes: Uint8Array): void {
    if (!this.#open) return;
    if (this.#opener !== undefined) {
      this.#opener.push(bytes);
      for (let text = this.#opener.next(); text !== undefined; text = this.#opener.next()) {
        this.#frames.push(text);
        for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next()) {
          this.#handle(frame);
        }
      }
      return;
    }
    this.#plain.push(bytes);
    const frame = this.#plain.next();
    if (frame === undefined) return;
    if (this.#noise === undefined) this.#hello(frame);
    else this.#auth(frame);
  }

  ended(): void {
    this.#server.ended += 1;
    this.closed();
    this.#wire.end();
  }

  closed(): void {
    this.#open = false;
    this.#server.sessions.delete(this);
  }

  /** The process behind the connection is gone. */
  drop(): void {
    this.closed();
    this.#wire.end();
  }

  pump(): void {
    if (!this.#open || this.#sealer === undefined) return;
    for (const letter of this.#server.letters) {
      if (serialAfter(letter.number, this.#sent)) {
        this.#sent = letter.number;
        this.send(letter.type, letter.channel, letter.number, letter.payload);
      }
    }
  }

  send(type: number, channel: number, sequence: number, payload: Uint8Array): void {
    const frame = encodeFrame(type, channel, sequence, payload);
    if (!this.#open || this.#sealer === undefined) return;
    const buffer = new Uint8Array(RECORD_ROOM_BEFORE + frame.length + RECORD_ROOM_BEHIND);
    buffer.set(frame, RECORD_ROOM_BEFORE);
    this.#sealer.seal(buffer, RECORD_ROOM_BEFORE, frame.length);
    this.#wire.write(buffer.subarray(this.#sealer.start, this.#sealer.end));
  }

  #hello(frame: Frame): void {
    const server = this.#server;
    server.hellos += 1;
    if (server.silent) return;
    if (server.refusal !== undefined) {
      this.#wire.write(encodeFrame(FRAME.ERROR, 0, 1, server.refusal));
      this.ended();
      return;
    }
    this.#device = parseHello(parseJson(frame.payload));
    server.certificates.push(this.#device.certificate);
    this.#noise = new HandshakeState({
      backend,
      random: systemRandom,
      pattern: this.#device.pattern,
      initiator: false,
      prologue: utf8('commucat'),
      staticKey: server.staticKey,
    });
    try {
      this.#noise.readMessage(this.#device.handshake);
    } catch (error) {
      if (!(error instanceof NoiseError)) throw error;
      this.#wire.write(encodeFrame(FRAME.ERROR, 0, 1, handshakeErrorPayload('invalid request')));
      this.ended();
      return;
    }
    const facts = { domain: server.domain, protocol_version: 1, session: 'session', user_id: 'user' };
    const auth = {
      session: 'session',
      device_id: this.#device.deviceId,
      handshake: toHex(this.#noise.writeMessage(encodeJson(facts))),
      server_static: toHex(server.staticKey.publicKey),
    };
    this.#wire.write(encodeFrame(FRAME.AUTH, 0, 1, encodeJson(server.editAuth(auth))));
  }

  #auth(frame: Frame): void {
    const server = this.#server;
    if (this.#noise === undefined || this.#device === undefined) return;
    const { handshake } = parseClientAuth(parseJson(frame.payload));
    if (!this.#noise.finished) this.#noise.readMessage(handshake);
    const { send, receive } = this.#noise.split();
    const now = Math.floor(server.clock.now() / 1000);
    const certificate = issueCertificate(backend.ed25519Signer(server.authority.privateKey), {
      serial: 1n,
      userId: 'user',
      deviceId: this.#device.deviceId,
      publicKey: this.#device.devicePublic,
      issuedAt: now,
      expiresAt: now + 3600,
    });
    const granted = server.granted.filter((name) => this.#device?.capabilities.includes(name));
    const ack = server.editAck({
      handshake: 'ok',
      session: 'session',
      user_id: 'user',
      device_ca_public: toHex(server.authority.publicKey),
      device_certificate: certificateToJson(certificate),
      capabilities: granted,
      inbox: granted.includes('delivery-ack')
        ? { confirmed: server.confirmed, next: serialNext(server.last), ...server.history }
        : undefined,
      resume: granted.includes('resume')
        ? {
            received: server.received,
            ...(server.namesRefusals ? { refused: server.refusals.slice(-256) } : {}),
          }
        : undefined,
    });
    this.#wire.write(encodeFrame(FRAME.ACK, 0, 2, encodeJson(ack)));
    this.#opener = new RecordOpener(receive);
    this.#sealer = new RecordSealer(send);
    this.#sent = server.confirmed;
    this.pump();
  }

  #handle(frame: Frame): void {
    const server = this.#server;
    const { type, channel, sequence } = frame;
    const acknowledge = (members = {}): void =>
      this.send(FRAME.ACK, channel, ++this.#control, encodeJson({ ack: sequence, ...members }));
    switch (type) {
      case FRAME.JOIN:
        server.joins.push({ channel, sequence });
        server.channels.add(channel);
        acknowledge();
        return;
      case FRAME.LEAVE:
        server.channels.delete(channel);
        acknowledge();
        return;
      case FRAME.ACK: {
        const value = parseJson(frame.payload);
        if (isJsonObject(value) && typeof value.ack === 'number') server.confirm(value.ack);
        return;
      }
      case FRAME.MSG:
        this.#post(frame, () => acknowledge(server.counts));
        return;
      default:
        acknowledge();
    }
  }

  #post(frame: Frame, acknowledge: () => void): void {
    const server = this.#server;
    const { channel, sequence } = frame;
    const posted = { sequence, channel, text: Buffer.from(frame.payload).toString() };
    const code = server.channels.has(channel) ? server.refuse(posted) : 'unknown_channel';
    if (code !== undefined && code !== 'storage') server.refusals.push({ sequence, error: code });
    if (code === undefined) server.commit(posted, acknowledge);
    else this.send(FRAME.ERROR, channel, ++this.#control, errorPayload(code, 'simulated', { ack: sequence }));
  }
}
