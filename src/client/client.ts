import { fromHex, utf8 } from '../protocol/bytes.ts';
import { CRYPTO_LENGTHS } from '../protocol/crypto-backend.ts';
import type { Frame } from '../protocol/frame.ts';
import { FRAME, frameTypeOf } from '../protocol/frame-types.ts';
import { encodeJson, type JsonInput, type JsonObject } from '../protocol/json.ts';
import { serialAfter } from '../protocol/serial.ts';
import { ClientError } from './client-error.ts';
import type { ClientEvents } from './client-events.ts';
import type { ClientOptions } from './client-options.ts';
import { Confirmer } from './confirmer.ts';
import { Connection, type ConnectionEvents } from './connection.ts';
import { Dialer } from './dialer.ts';
import { Emitter } from './emitter.ts';
import { ClientHandshake, type HandshakeSettings, type SessionFacts } from './handshake.ts';
import { Inbox, type Message, type MessagesOptions } from './inbox.ts';
import { CONTROL_EVENTS, farewellOf, refusalOf } from './incoming.ts';
import { Outbound, type Receipt } from './outbound.ts';
import { createRecordArena } from './record-writer.ts';
import { StateKeeper } from './state-keeper.ts';
import { UpstreamSequence } from './upstream-sequence.ts';
import { jsonOf, objectOf, plainAckOf, serialMember } from './wire-values.ts';

/**
 * - `idle`: `connect` was not called
 * - `connecting`: no session, an attempt runs or is due
 * - `connected`
 * - `closing`: `close` waits for answers
 * - `closed`: for good
 */
export type ClientState = 'idle' | 'connecting' | 'connected' | 'closing' | 'closed';

export interface JoinOptions {
  /** Device ids of the other members. */
  readonly members?: readonly string[];
  /** @default false */
  readonly relay?: boolean;
  readonly groupId?: string;
}

export interface SendOptions {
  /** Gives up waiting. A frame that was sent already may still arrive. */
  readonly signal?: AbortSignal;
}

export interface CloseOptions {
  /** Milliseconds to wait for outstanding answers and the clean end. @default 5000 */
  readonly deadline?: number;
}

const CAPABILITIES = ['delivery-ack', 'resume'] as const;
const DEFAULTS = {
  connectTimeout: 10_000,
  handshakeTimeout: 15_000,
  maxFrames: 64,
  maxBytes: 1_048_576,
  maxWaiting: 1024,
  maxLiveBacklog: 262_144,
  closeDeadline: 5000,
} as const;

/** What there is once the store has been read. */
interface Core {
  readonly keeper: StateKeeper;
  readonly outbound: Outbound;
  readonly inbox: Inbox;
  readonly confirmer: Confirmer;
  readonly dialer: Dialer;
}

/**
 * One device of CommuCat: a session that comes back by itself, sends without loss or doubles, and hands over each
 * message once and in order (PROTOCOL.md 11). `docs/client.md` tells what is promised and what it takes.
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #settings: HandshakeSettings;
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #inbox: Inbox;
  readonly #arena;
  #core: Core | undefined;
  #state: ClientState = 'idle';
  #connection: Connection | undefined;
  #session: SessionFacts | undefined;
  #presence: Uint8Array | undefined;
  #crowded = false;
  #started: { resolve(): void; reject(error: ClientError): void } | undefined;
  #closing: Promise<void> | undefined;
  #onClosed: (() => void)[] = [];
  #ending: ClientError | undefined;

  /** @throws ClientError code `CLIENT_OPTIONS` */
  constructor(options: ClientOptions) {
    this.#options = options;
    this.#settings = settingsOf(options);
    this.#arena = options.arena ?? createRecordArena();
    this.#inbox = new Inbox({
      listens: () => this.#emitter.has('message'),
      emit: (message) => this.#emitDurable(message),
      progress: (number) => this.#core?.confirmer.progress(number),
      crowded: (crowded) => this.#setCrowded(crowded),
    });
  }

  get state(): ClientState {
    return this.#state;
  }

  /** The current session, or the last one. */
  get session(): SessionFacts | undefined {
    return this.#session;
  }

  /** Known from `connect` on. */
  get deviceId(): string | undefined {
    return this.#core?.keeper.state.device.deviceId;
  }

  /** Channels whose JOIN the server has acknowledged. */
  get channels(): readonly number[] {
    return this.#core?.outbound.channels ?? [];
  }

  /** False when a `send` would wait for room. */
  get writable(): boolean {
    return this.#core?.outbound.writable ?? false;
  }

  /** Adds a listener; the returned function removes it. Add listeners before `connect` to miss nothing. */
  on<K extends keyof ClientEvents>(name: K, listener: (event: ClientEvents[K]) => void): () => void {
    const off = this.#emitter.on(name, listener);
    if (name === 'message') this.#inbox.pump();
    return off;
  }

  off<K extends keyof ClientEvents>(name: K, listener: (event: ClientEvents[K]) => void): void {
    this.#emitter.off(name, listener);
  }

  /**
   * Opens the first session. Resolves when it is established; later ones follow by themselves.
   *
   * @throws ClientError; the client is closed then
   */
  async connect(): Promise<void> {
    if (this.#state !== 'idle') throw new ClientError('CLIENT_OPTIONS', 'connect() is called once');
    this.#state = 'connecting';
    const { signal, store } = this.#options;
    const state = await store.load();
    if (state === undefined)
      throw this.#finish(new ClientError('CLIENT_OPTIONS', 'the store holds no device'));
    if (signal?.aborted === true) throw this.#finish(abortError(signal));
    if (this.#closing !== undefined) throw this.#finish(closedError());
    this.#core = this.#build(new StateKeeper(store, state));
    signal?.addEventListener('abort', this.#aborted, { once: true });
    await new Promise<void>((resolve, reject) => {
      this.#started = { resolve, reject };
      this.#core?.dialer.dial();
    });
  }

  /**
   * Takes part in a channel; after a reconnect the client joins it again.
   *
   * @throws ClientError code `CLIENT_REFUSED` when the server does not allow it
   */
  join(channel: number, options: JoinOptions = {}): Promise<Receipt> {
    const { members = [], relay = false, groupId } = options;
    const payload = encodeJson({ members, relay, ...(groupId === undefined ? {} : { group_id: groupId }) });
    return this.#post('membership', FRAME.JOIN, channel, payload);
  }

  /** Leaves a channel. */
  leave(channel: number): Promise<Receipt> {
    return this.#post('membership', FRAME.LEAVE, channel, encodeJson({}));
  }

  /**
   * Sends a message. Resolves when the server has it on disk. It waits while too many frames have no answer, and over
   * broken connections, for as long as the client lives.
   *
   * @param content bytes, which must not change before the promise settles, or text
   * @throws ClientError code `CLIENT_REFUSED`, `CLIENT_TOO_LARGE`, `CLIENT_OVERLOADED`, `CLIENT_ABORTED`, or that of
   *   the client's end
   */
  send(channel: number, content: Uint8Array | string, options: SendOptions = {}): Promise<Receipt> {
    const payload = typeof content === 'string' ? utf8(content) : content;
    return this.#post('durable', FRAME.MSG, channel, payload, options.signal);
  }

  /** Resolves when a `send` would go out at once. @throws ClientError when the client has ended */
  async ready(): Promise<void> {
    const core = this.#core;
    if (core === undefined) throw this.#ending ?? closedError();
    await core.outbound.room();
  }

  keyUpdate(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.KEY_UPDATE, channel, encodeJson(value));
  }

  groupCreate(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.GROUP_CREATE, channel, encodeJson(value));
  }

  groupInvite(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.GROUP_INVITE, channel, encodeJson(value));
  }

  groupEvent(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.GROUP_EVENT, channel, encodeJson(value));
  }

  /** CALL_OFFER with the document of PROTOCOL.md 5. */
  callOffer(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.CALL_OFFER, channel, encodeJson(value));
  }

  callEnd(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.CALL_END, channel, encodeJson(value));
  }

  /** CALL_ANSWER: live only. @throws ClientError code `CLIENT_DISCONNECTED` when the connection breaks before its answer */
  callAnswer(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#request(FRAME.CALL_ANSWER, channel, value);
  }

  callStats(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#request(FRAME.CALL_STATS, channel, value);
  }

  transportUpdate(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#request(FRAME.TRANSPORT_UPDATE, channel, value);
  }

  /** Tells the channel that its user types. False when it was dropped: there is no connection, or it is congested. */
  typing(channel: number, value: JsonInput = {}): boolean {
    return this.#cast(FRAME.TYPING, channel, encodeJson({ device: this.deviceId, ...objectInput(value) }));
  }

  voice(channel: number, packet: Uint8Array): boolean {
    return this.#cast(FRAME.VOICE_FRAME, channel, packet);
  }

  video(channel: number, packet: Uint8Array): boolean {
    return this.#cast(FRAME.VIDEO_FRAME, channel, packet);
  }

  /** Publishes a presence state, now and after every reconnect. */
  presence(state: string): void {
    this.#presence = encodeJson({ state });
    this.#core?.outbound.cast(FRAME.PRESENCE, 0, this.#presence);
  }

  /**
   * The messages of other devices, in order, each once, over all reconnects. One reader at a time. The loop ends when
   * the client is closed and throws when it ends by an error. A message that was handed out when the loop was left by
   * `break` or an error, and not confirmed by `ack()`, goes to the next reader.
   */
  messages(options: MessagesOptions = {}): AsyncIterableIterator<Message> {
    return this.#inbox.read(options);
  }

  /**
   * Waits until everything sent has its answer and everything processed is confirmed, then ends the connection. What has
   * no answer at the deadline is rejected with `CLIENT_CLOSED`. Never throws; may be called often.
   */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options.deadline ?? DEFAULTS.closeDeadline);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(deadlineMs: number): Promise<void> {
    const core = this.#core;
    if (core === undefined || this.#state === 'closed') {
      this.#finish(undefined);
      return;
    }
    this.#state = 'closing';
    core.outbound.seal(closedError());
    const ended = new Promise<void>((resolve) => this.#onClosed.push(resolve));
    const cancel = this.#options.clock.after(deadlineMs, () => this.#finish(undefined));
    await Promise.race([core.outbound.idle().then(() => core.confirmer.settled()), ended]);
    if (this.#connection === undefined) this.#finish(undefined);
    else core.dialer.end();
    await ended;
    cancel();
  }

  #build(keeper: StateKeeper): Core {
    const { clock, random, reconnect = {}, maxUnacknowledged = {} } = this.#options;
    const {
      frames = DEFAULTS.maxFrames,
      bytes = DEFAULTS.maxBytes,
      waiting = DEFAULTS.maxWaiting,
    } = maxUnacknowledged;
    const sequence = new UpstreamSequence(keeper.state.sequence, (through) =>
      this.#keep(keeper, { sequence: through }),
    );
    const outbound = new Outbound({ frames, bytes, waiting }, sequence, (_channel, error) =>
      this.#emitter.emit('error', error),
    );
    const confirmer = new Confirmer({
      kept: keeper.state.processed,
      clock,
      keep: (processed) => keeper.update({ processed }),
      confirm: (processed) => outbound.confirm(processed),
      failed: (cause) => this.#storeFailed(cause),
    });
    const create = (events: ConnectionEvents): Connection => this.#createConnection(keeper, events);
    const dialer = new Dialer(
      { clock, random, reconnect, create },
      {
        established: (facts, connection) => this.#established(facts, connection),
        frame: (frame) => this.#receive(frame),
        retrying: (reason, delay) => {
          this.#lost();
          this.#emitter.emit('disconnected', { reason, willRetry: true, delay });
        },
        gaveUp: (reason) => {
          this.#lost();
          this.#emitter.emit('disconnected', { reason, willRetry: false, delay: undefined });
          this.#finish(this.#state === 'closing' ? undefined : reason);
        },
      },
    );
    return { keeper, outbound, inbox: this.#inbox, confirmer, dialer };
  }

  #createConnection(keeper: StateKeeper, events: ConnectionEvents): Connection {
    const { transport, clock, random, backend, connectTimeout, handshakeTimeout } = this.#options;
    const { device, authority } = keeper.state;
    const handshake = new ClientHandshake({
      settings: this.#settings,
      device,
      authority,
      backend,
      random,
      clock,
    });
    const parts = {
      transport,
      handshake,
      clock,
      arena: this.#arena,
      connectTimeoutMs: connectTimeout ?? DEFAULTS.connectTimeout,
      handshakeTimeoutMs: handshakeTimeout ?? DEFAULTS.handshakeTimeout,
    };
    return new Connection(parts, events);
  }

  #established(facts: SessionFacts, connection: Connection): void {
    const core = this.#core;
    if (core === undefined) return;
    const resumed = this.#session !== undefined;
    this.#session = facts;
    this.#connection = connection;
    const { device } = core.keeper.state;
    const certificate = facts.certificate ?? device.certificate;
    this.#keep(core.keeper, {
      device: { ...device, userId: facts.userId, certificate },
      authority: facts.authority,
    });
    if (this.#crowded) connection.pause();
    core.outbound.attach(connection, facts.received);
    if (this.#presence !== undefined) core.outbound.cast(FRAME.PRESENCE, 0, this.#presence);
    this.#startInbox(core, facts);
    if (this.#state === 'connecting') this.#state = 'connected';
    this.#emitter.emit('connected', { session: facts, resumed });
    this.#started?.resolve();
    this.#started = undefined;
  }

  /** Agrees with the server on where its mail begins. */
  #startInbox(core: Core, facts: SessionFacts): void {
    if (facts.inbox === undefined) return;
    const { confirmed, next } = facts.inbox;
    const known = core.inbox.taken ?? core.keeper.state.processed;
    if (known !== undefined && !serialAfter(next, known)) {
      // Numbers that it has not given out: waiting for later ones would drop every message until then.
      core.inbox.start(confirmed);
      core.confirmer.reset(confirmed);
      this.#keep(core.keeper, { processed: confirmed });
      this.#emitter.emit(
        'error',
        new ClientError('CLIENT_INBOX_RESET', `expected inbox number ${known}, got ${next}`),
      );
      return;
    }
    if (core.inbox.taken === undefined) core.inbox.start(known ?? confirmed);
    // The confirmation was lost with its connection.
    const { kept } = core.confirmer;
    if (kept !== undefined && serialAfter(kept, confirmed)) core.outbound.confirm(kept);
  }

  #receive(frame: Frame): void {
    const core = this.#core;
    if (core === undefined) return;
    if (frame.type === FRAME.ACK) this.#receiveAck(core, frame);
    else if (frame.type === FRAME.ERROR) this.#receiveError(core, objectOf(frame));
    else if (frameTypeOf(frame.type)?.durable === true) this.#receiveDurable(core, frame);
    else this.#emitLive(frame);
  }

  #receiveAck(core: Core, frame: Frame): void {
    const plain = plainAckOf(frame.payload);
    const body = plain === undefined ? objectOf(frame) : undefined;
    const sequence = plain ?? (body === undefined ? undefined : serialMember(body, 'ack'));
    if (sequence !== undefined && core.outbound.acknowledged(sequence, body)) core.dialer.proveStable();
  }

  #receiveDurable(core: Core, frame: Frame): void {
    const numbered = this.#session?.inbox !== undefined;
    core.inbox.offer(frame.type, frame.channel, numbered ? frame.sequence : undefined, frame.payload);
  }

  #receiveError(core: Core, body: JsonObject): void {
    const sequence = serialMember(body, 'ack');
    const from = serialMember(body, 'from');
    const to = serialMember(body, 'to');
    if (sequence !== undefined) {
      const error = refusalOf(body);
      const outcome = core.outbound.refused(sequence, error);
      if (outcome === 'unknown') this.#emitter.emit('error', error);
      if (outcome === 'reconnect') core.dialer.drop(error);
    } else if (body.error === 'expired' && from !== undefined && to !== undefined) {
      this.#emitter.emit('expired', { from, to });
    } else {
      const farewell = farewellOf(body);
      if (farewell !== undefined) core.dialer.expectEnd(farewell);
      this.#emitter.emit('error', farewell ?? refusalOf(body));
    }
  }

  #emitLive(frame: Frame): void {
    const { type, channel, payload } = frame;
    if (type === FRAME.VOICE_FRAME) this.#emitter.emit('voice', { channel, payload });
    if (type === FRAME.VIDEO_FRAME) this.#emitter.emit('video', { channel, payload });
    const name = CONTROL_EVENTS[type];
    if (name === undefined || !this.#emitter.has(name)) return;
    this.#emitter.emit(name, { channel, number: undefined, value: jsonOf(frame) });
  }

  #emitDurable(message: Message): void {
    const { type, channel, number } = message;
    if (type === FRAME.MSG) this.#emitter.emit('message', message);
    const name = CONTROL_EVENTS[type];
    if (name === undefined || !this.#emitter.has(name)) return;
    try {
      this.#emitter.emit(name, { channel, number, value: jsonOf(message) });
    } catch (error) {
      // It would come again after a reconnect and fail again.
      if (!(error instanceof ClientError)) throw error;
      this.#emitter.emit('error', error);
    }
  }

  #setCrowded(crowded: boolean): void {
    this.#crowded = crowded;
    if (crowded) this.#connection?.pause();
    else this.#connection?.resume();
  }

  #lost(): void {
    this.#connection = undefined;
    this.#core?.outbound.detach();
    if (this.#state === 'connected') this.#state = 'connecting';
    else if (this.#state === 'closing' && this.#core?.outbound.outstanding === 0) this.#core.dialer.stop();
  }

  #keep(keeper: StateKeeper, change: Parameters<StateKeeper['update']>[0]): void {
    try {
      keeper.update(change)?.catch((cause: unknown) => this.#storeFailed(cause));
    } catch (cause) {
      this.#storeFailed(cause);
    }
  }

  #storeFailed(cause: unknown): void {
    this.#emitter.emit('error', new ClientError('CLIENT_STORE', 'the device store failed', { cause }));
  }

  #post(
    kind: 'durable' | 'membership',
    type: number,
    channel: number,
    payload: Uint8Array,
    signal?: AbortSignal,
  ): Promise<Receipt> {
    const outbound = this.#core?.outbound;
    if (outbound === undefined) return Promise.reject(this.#ending ?? notConnected());
    return outbound.post(kind, type, channel, payload, signal);
  }

  #request(type: number, channel: number, value: JsonInput): Promise<Receipt> {
    const outbound = this.#core?.outbound;
    if (outbound === undefined) return Promise.reject(this.#ending ?? notConnected());
    return outbound.request(type, channel, encodeJson(value));
  }

  #cast(type: number, channel: number, payload: Uint8Array): boolean {
    const limit = this.#options.maxLiveBacklog ?? DEFAULTS.maxLiveBacklog;
    if (this.#connection === undefined || this.#connection.backlog > limit) return false;
    return this.#core?.outbound.cast(type, channel, payload) ?? false;
  }

  readonly #aborted = (): void => {
    this.#finish(abortError(this.#options.signal));
  };

  /** Ends the client, once; returns the error for the convenience of throwing it. */
  #finish(error: ClientError | undefined): ClientError {
    const reason = error ?? closedError();
    if (this.#state === 'closed') return reason;
    this.#state = 'closed';
    this.#ending = reason;
    this.#connection = undefined;
    this.#options.signal?.removeEventListener('abort', this.#aborted);
    this.#core?.dialer.stop();
    this.#core?.outbound.fail(reason);
    this.#inbox.end(error);
    this.#started?.reject(reason);
    this.#started = undefined;
    this.#emitter.emit('closed', { error });
    for (const resolve of this.#onClosed.splice(0)) resolve();
    return reason;
  }
}

function settingsOf(options: ClientOptions): HandshakeSettings {
  const { serverStatic } = options;
  const key = typeof serverStatic === 'string' ? hexKey(serverStatic) : serverStatic;
  if (key.length !== CRYPTO_LENGTHS.KEY) throw new ClientError('CLIENT_OPTIONS', 'serverStatic has 32 bytes');
  return {
    pattern: options.pattern ?? 'XK',
    domain: options.domain,
    serverStatic: key,
    prologue: options.prologue ?? 'commucat',
    capabilities: options.capabilities ?? CAPABILITIES,
    displayName: options.displayName,
    avatarUrl: options.avatarUrl,
  };
}

function hexKey(text: string): Uint8Array {
  try {
    return fromHex(text);
  } catch (cause) {
    throw new ClientError('CLIENT_OPTIONS', 'serverStatic is not hex', { cause });
  }
}

function objectInput(value: JsonInput): { readonly [key: string]: JsonInput } {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as { readonly [key: string]: JsonInput }) : {};
}

function closedError(): ClientError {
  return new ClientError('CLIENT_CLOSED', 'the client is closed');
}

function notConnected(): ClientError {
  return new ClientError('CLIENT_OPTIONS', 'connect() comes first');
}

function abortError(signal: AbortSignal | undefined): ClientError {
  return new ClientError('CLIENT_ABORTED', 'the client was aborted', { cause: signal?.reason });
}
