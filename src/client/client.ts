/// <reference lib="esnext.disposable" preserve="true" />
import type { ByteArena } from '../protocol/byte-arena.ts';
import { FRAME } from '../protocol/frames/frame-types.ts';
import type { JsonInput } from '../protocol/json/json.ts';
import type { ClientState, CloseOptions, JoinOptions, SendOptions } from './client-calls.ts';
import { ClientCore } from './client-core.ts';
import { type ClientOptions, DEFAULTS, handshakeSettings, outboundLimits } from './client-options.ts';
import { type DeviceState, loadDevice } from './device/device-store.ts';
import { StateKeeper } from './device/state-keeper.ts';
import { ClientGroups, type GroupLink } from './groups.ts';
import type { ClientEvents } from './mail/client-events.ts';
import { Inbox, type Message, type MessagesOptions } from './mail/inbox.ts';
import { emitDurable } from './mail/incoming.ts';
import type { OutboundLimits } from './mail/outbound.ts';
import { documentPayload, messagePayload } from './mail/payloads.ts';
import type { Receipt } from './mail/receipt.ts';
import type { HandshakeSettings, SessionFacts } from './session/handshake.ts';
import { createRecordArena } from './session/record-writer.ts';
import { ClientError } from './values/client-error.ts';
import {
  abortError,
  closedError,
  listenerError,
  notConnected,
  storeError,
} from './values/client-failures.ts';
import { Emitter } from './values/emitter.ts';

/**
 * One device of CommuCat: a session that comes back by itself, sends without loss or doubles, and hands over each
 * message once and in order (PROTOCOL.md 11). `docs/client.md` tells what is promised and what it takes.
 */
export class Client {
  readonly groups: ClientGroups;
  readonly #options: ClientOptions;
  readonly #settings: HandshakeSettings;
  readonly #limits: OutboundLimits;
  readonly #arena: ByteArena;
  readonly #emitter = new Emitter<ClientEvents>((name, cause) => this.#listenerFailed(name, cause));
  readonly #inbox: Inbox;
  /** There once the store has been read. */
  #core: ClientCore | undefined;
  #state: ClientState = 'idle';
  #started: { resolve(): void; reject(error: ClientError): void } | undefined;
  #closing: Promise<void> | undefined;
  #onClosed: (() => void)[] = [];
  #ending: ClientError | undefined;

  /** @throws ClientError code `CLIENT_OPTIONS` */
  constructor(options: ClientOptions) {
    this.#options = options;
    this.#settings = handshakeSettings(options);
    this.#limits = outboundLimits(options);
    this.#arena = options.arena ?? createRecordArena();
    this.#inbox = new Inbox(options.clock, {
      listens: () => this.#emitter.has('message'),
      emit: (message) => emitDurable(this.#emitter, message),
      progress: (number) => this.#core?.confirmer.progress(number),
      crowded: (crowded) => this.#core?.setCrowded(crowded),
    });
    this.groups = new ClientGroups(this.#groupLink(), options.random);
    this.on('groupEvent', ({ channel, value }) => this.groups.observe(channel, value));
  }

  get state(): ClientState {
    return this.#state;
  }

  /** The current session, or the last one. */
  get session(): SessionFacts | undefined {
    return this.#core?.session;
  }

  /** Known from `connect` on. */
  get deviceId(): string | undefined {
    return this.#core?.deviceId;
  }

  /** Channels whose JOIN the server has acknowledged. */
  get channels(): readonly number[] {
    return this.#core?.outbound.channels ?? [];
  }

  /** False when a `send` would wait for room. */
  get writable(): boolean {
    return this.#core?.outbound.writable ?? false;
  }

  /**
   * Adds a listener; the returned function removes it. Add listeners before `connect` to miss nothing. A listener may be
   * asynchronous: a durable frame is processed when its promise is fulfilled. What it throws, or rejects with, is an event
   * `error` with the code `CLIENT_LISTENER`.
   */
  on<K extends keyof ClientEvents>(name: K, listener: (event: ClientEvents[K]) => unknown): () => void {
    const off = this.#emitter.on(name, listener);
    if (name === 'message') this.#inbox.pump();
    return off;
  }

  off<K extends keyof ClientEvents>(name: K, listener: (event: ClientEvents[K]) => unknown): void {
    this.#emitter.off(name, listener);
  }

  /**
   * Opens the first session. Resolves when it is established; later ones follow by themselves.
   *
   * @throws ClientError; the client is closed then
   */
  async connect(): Promise<void> {
    if (this.#state === 'closed') throw this.#ending ?? closedError();
    if (this.#state !== 'idle') throw new ClientError('CLIENT_OPTIONS', 'connect() is called once');
    this.#state = 'connecting';
    const { signal, store, backend } = this.#options;
    let state: DeviceState;
    try {
      state = await loadDevice(store, backend);
    } catch (error) {
      throw this.#finish(storeError(error));
    }
    if (signal?.aborted === true) throw this.#finish(abortError(signal));
    if (this.#closing !== undefined) throw this.#finish(closedError());
    const core = this.#createCore(new StateKeeper(store, state));
    this.#core = core;
    signal?.addEventListener('abort', this.#aborted, { once: true });
    await new Promise<void>((resolve, reject) => {
      this.#started = { resolve, reject };
      core.dialer.dial();
    });
  }

  /**
   * Takes part in a channel; after a reconnect the client joins it again.
   *
   * @param channel 1 to 2^32-1
   * @throws ClientError code `CLIENT_REFUSED` when the server does not allow it
   */
  async join(channel: number, options: JoinOptions = {}): Promise<Receipt> {
    const { members = [], relay = false, groupId } = options;
    const payload = documentPayload({ members, relay, group_id: groupId });
    return this.#post('membership', FRAME.JOIN, channel, payload);
  }

  /** Leaves a channel. */
  leave(channel: number): Promise<Receipt> {
    return this.#post('membership', FRAME.LEAVE, channel, documentPayload({}));
  }

  /**
   * Sends a message **as it is**: the server stores these bytes, and can read what the application has not encrypted. The
   * frame does not name its sender either. docs/client.md has an envelope for both. The message goes to those who take
   * part in the channel. Resolves when the server has it on disk. It waits while too many frames have no answer, and over
   * broken connections, for as long as the client lives.
   *
   * @param content bytes, which must not change before the promise settles, or text
   * @throws ClientError code `CLIENT_REFUSED`, `CLIENT_TOO_LARGE`, `CLIENT_OVERLOADED`, `CLIENT_ABORTED`, or that of
   *   the client's end
   */
  send(channel: number, content: Uint8Array | string, options: SendOptions = {}): Promise<Receipt> {
    const payload = messagePayload(content);
    if (payload instanceof ClientError) return Promise.reject(payload);
    return this.#post('durable', FRAME.MSG, channel, payload, options.signal);
  }

  /** Resolves when a `send` would go out at once. @throws ClientError when the client has ended */
  async ready(): Promise<void> {
    const core = this.#core;
    if (core === undefined) throw this.#ending ?? closedError();
    await core.outbound.room();
  }

  async keyUpdate(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.KEY_UPDATE, channel, documentPayload(value));
  }

  async groupCreate(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.GROUP_CREATE, channel, documentPayload(value));
  }

  async groupInvite(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.GROUP_INVITE, channel, documentPayload(value));
  }

  async groupEvent(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.GROUP_EVENT, channel, documentPayload(value));
  }

  /** CALL_OFFER with the document of PROTOCOL.md 5. */
  async callOffer(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.CALL_OFFER, channel, documentPayload(value));
  }

  async callEnd(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#post('durable', FRAME.CALL_END, channel, documentPayload(value));
  }

  /** CALL_ANSWER: live only. @throws ClientError code `CLIENT_DISCONNECTED` when the connection breaks before its answer */
  async callAnswer(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#request(FRAME.CALL_ANSWER, channel, value);
  }

  async callStats(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#request(FRAME.CALL_STATS, channel, value);
  }

  async transportUpdate(channel: number, value: JsonInput): Promise<Receipt> {
    return this.#request(FRAME.TRANSPORT_UPDATE, channel, value);
  }

  /** Tells the channel that its user types. False when it was dropped: there is no connection, or it is congested. */
  typing(channel: number, value: JsonInput = {}): boolean {
    return this.#cast(
      FRAME.TYPING,
      channel,
      documentPayload({ device: this.deviceId, ...objectInput(value) }),
    );
  }

  voice(channel: number, packet: Uint8Array): boolean {
    return this.#cast(FRAME.VOICE_FRAME, channel, packet);
  }

  video(channel: number, packet: Uint8Array): boolean {
    return this.#cast(FRAME.VIDEO_FRAME, channel, packet);
  }

  /** Publishes a presence state, now and after every reconnect. Without effect before `connect`. */
  presence(state: string): void {
    this.#core?.present(documentPayload({ state }));
  }

  /**
   * Makes the attempt to connect that is due later now. For programs that learn when the network is back; without effect
   * when no attempt is due.
   */
  retryNow(): void {
    this.#core?.dialer.hurry();
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
    const handled = this.#inbox.seal();
    const done = async (): Promise<void> => {
      await Promise.all([core.outbound.idle(), handled]);
      await core.confirmer.settled();
    };
    await Promise.race([done(), ended]);
    if (!core.hasConnection) this.#finish(undefined);
    else core.dialer.end(closedError());
    await ended;
    cancel();
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
    if (channel === 0) {
      const text = 'channel 0 belongs to the connection (PROTOCOL.md 5.5)';
      return Promise.reject(new ClientError('CLIENT_OPTIONS', text));
    }
    return outbound.post(kind, type, channel, payload, signal);
  }

  #groupLink(): GroupLink {
    return {
      post: (type, channel, payload) => this.#post('durable', type, channel, payload),
      join: (channel, payload) => this.#post('membership', FRAME.JOIN, channel, payload),
      remember: (channel, payload) => this.#core?.outbound.remember(channel, payload),
      forget: (channel) => this.#core?.outbound.forget(channel),
      deviceId: () => this.deviceId,
    };
  }

  #request(type: number, channel: number, value: JsonInput): Promise<Receipt> {
    const outbound = this.#core?.outbound;
    if (outbound === undefined) return Promise.reject(this.#ending ?? notConnected());
    return outbound.request(type, channel, documentPayload(value));
  }

  #cast(type: number, channel: number, payload: Uint8Array): boolean {
    return this.#core?.cast(type, channel, payload) ?? false;
  }

  #createCore(keeper: StateKeeper): ClientCore {
    return new ClientCore({
      options: this.#options,
      settings: this.#settings,
      limits: this.#limits,
      keeper,
      inbox: this.#inbox,
      emitter: this.#emitter,
      arena: this.#arena,
      connected: () => {
        if (this.#state === 'connecting') this.#state = 'connected';
        this.#started?.resolve();
        this.#started = undefined;
      },
      retrying: () => {
        if (this.#state === 'connected') this.#state = 'connecting';
      },
      gaveUp: (reason) => {
        this.#finish(this.#state === 'closing' ? undefined : reason);
      },
    });
  }

  /** Nothing of it is lost: without anybody who listens to errors the platform reports it. */
  #listenerFailed(name: keyof ClientEvents, cause: unknown): void {
    const error = listenerError(name, cause);
    if (name !== 'error' && this.#emitter.has('error')) this.#emitter.emit('error', error);
    else this.#options.report?.(error);
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
    this.#options.signal?.removeEventListener('abort', this.#aborted);
    this.#core?.stop(reason);
    this.#inbox.end(error);
    this.#started?.reject(reason);
    this.#started = undefined;
    this.#emitter.emit('closed', { error });
    for (const resolve of this.#onClosed.splice(0)) resolve();
    return reason;
  }
}

function objectInput(value: JsonInput): { readonly [key: string]: JsonInput } {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as { readonly [key: string]: JsonInput }) : {};
}
