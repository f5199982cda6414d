// Two tabs, two devices, one conversation. Everything that a client has to do is in the SDK; this file is the chat.
import {
  type Client,
  createClient,
  fetchServerInfo,
  IndexedDbDeviceStore,
  openDevice,
} from 'commucat/client';
import { type Conversation, invitationTo, keyOf, openConversation } from './conversation.ts';
import { History } from './history.ts';
import { type Letter, letterFrom, open, seal } from './letters.ts';
import { type Side, View } from './view.ts';

/** A number that both sides use; it means this conversation only between them. */
const CHANNEL = 1;
const TYPING_EVERY_MS = 2000;
const view = new View();

async function start(): Promise<void> {
  const conversation = await openConversation();
  const store = new IndexedDbDeviceStore({ database: 'commucat-demo', name: conversation.self });
  await openDevice(store, { deviceId: conversation.self });
  // A program of its own would bring the key with it. Here both come from the server that is to be talked to.
  const { domain, noisePublic } = await fetchServerInfo(location.origin);
  const client = createClient({
    url: location.origin,
    domain,
    serverStatic: noisePublic,
    store,
    reconnect: { first: true },
  });
  const chat = new Chat(client, conversation, await keyOf(conversation));
  await chat.run();
}

class Chat {
  readonly #client: Client;
  readonly #conversation: Conversation;
  readonly #key: CryptoKey;
  readonly #history = new History();
  #typedAt = Number.NEGATIVE_INFINITY;

  constructor(client: Client, conversation: Conversation, key: CryptoKey) {
    this.#client = client;
    this.#conversation = conversation;
    this.#key = key;
    view.onSend = (text) => void this.#say(text);
    view.onTyping = () => this.#type();
    client.on('connected', () => view.status('connected', 'connected'));
    client.on('disconnected', ({ reason, delay }) => {
      if (delay !== undefined) view.status('connecting', `${reason.code}: next attempt in ${delay} ms`);
    });
    client.on('typing', () => view.typing());
    client.on('closed', ({ error }) => {
      view.status('closed', error?.message ?? 'closed');
      view.end();
    });
  }

  async run(): Promise<void> {
    const { peer, guest } = this.#conversation;
    for (const { side, text } of this.#history.lines) view.show(side, text);
    if (this.#history.lines.length > 0) view.begin();
    else if (!guest) view.invite(invitationTo(this.#conversation));
    await this.#client.connect();
    await this.#client.join(CHANNEL, { members: [peer] });
    if (guest && this.#history.lines.length === 0) {
      await this.#post('here', '');
      this.#begin('You have joined.');
    }
    for await (const message of this.#client.messages()) await this.#read(message.payload);
  }

  async #read(payload: Uint8Array): Promise<void> {
    const { self, peer } = this.#conversation;
    const letter = await open(this.#key, peer, self, payload);
    if (letter?.kind === 'here') this.#begin('Your guest has come.');
    if (letter?.kind === 'said') this.#keep('theirs', letter.body);
  }

  async #say(text: string): Promise<void> {
    const fate = this.#keep('mine', text);
    fate('sending …');
    try {
      await this.#post('said', text);
      fate('✓ stored');
    } catch (error) {
      fate(error instanceof Error ? error.message : String(error));
    }
  }

  async #post(kind: Letter['kind'], body: string): Promise<void> {
    const { self, peer } = this.#conversation;
    const letter = letterFrom(self, kind, body);
    await this.#client.send(CHANNEL, await seal(this.#key, self, peer, letter));
  }

  #begin(note: string): void {
    this.#keep('note', note);
    view.begin();
  }

  #keep(side: Side, text: string): (fate: string) => void {
    this.#history.add({ side, text });
    return view.show(side, text);
  }

  #type(): void {
    if (performance.now() - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = performance.now();
    this.#client.typing(CHANNEL, { typing: true });
  }
}

try {
  await start();
} catch (error) {
  view.status('closed', error instanceof Error ? error.message : String(error));
  view.end();
}
