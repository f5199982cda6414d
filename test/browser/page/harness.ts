// What the browser tests call in a page: the SDK as an application uses it, with everything it does written down.
import {
  type Client,
  ClientError,
  type ConnectOptions,
  createClient,
  fetchServerInfo,
  IndexedDbDeviceStore,
  openDevice,
} from 'commucat/client';
import type { Harness, OpenOptions } from '../harness.ts';

const DATABASE = 'test';
let client: Client | undefined;
const texts: string[] = [];
const events: string[] = [];
let changed = (): void => undefined;

function current(): Client {
  if (client === undefined) throw new Error('open comes first');
  return client;
}

function note(list: string[], line: string): void {
  list.push(line);
  changed();
}

function errorText(error: unknown): string {
  return error instanceof ClientError ? error.code : String(error);
}

async function reach(list: readonly string[], isThere: () => boolean): Promise<string[]> {
  while (!isThere()) {
    await new Promise<void>((resolve) => {
      changed = resolve;
    });
  }
  return [...list];
}

const harness: Harness = {
  async open({ name, url = location.origin, reads = true, ...heartbeat }: OpenOptions): Promise<string> {
    const store = new IndexedDbDeviceStore({ database: DATABASE, name });
    const device = await openDevice(store, { deviceId: name });
    const { domain, noisePublic: serverStatic } = await fetchServerInfo(url);
    const reconnect: ConnectOptions['reconnect'] = { initialDelay: 20, maxDelay: 200 };
    client = createClient({ url, domain, serverStatic, store, reconnect, ...heartbeat });
    client.on('connected', ({ resumed }) => note(events, resumed ? 'resumed' : 'connected'));
    client.on('disconnected', ({ reason }) => note(events, reason.code));
    client.on('error', (error) => note(events, `error ${error.code}`));
    client.on('closed', ({ error }) => note(events, `closed ${error?.code ?? 'by itself'}`));
    await client.connect();
    if (reads) harness.read();
    return Array.from(device.publicKey, (byte) => byte.toString(16).padStart(2, '0')).join('');
  },

  read(): void {
    void (async () => {
      for await (const message of current().messages()) {
        note(texts, message.payload.length > 100 ? `${message.payload.length} bytes` : message.text);
      }
    })();
  },

  async join(channel: number, peer: string): Promise<void> {
    await current().join(channel, { members: [peer] });
  },

  async send(channel: number, ...lines: string[]): Promise<void> {
    await Promise.all(lines.map((line) => current().send(channel, line)));
  },

  async sendBytes(channel: number, length: number): Promise<string> {
    return current()
      .send(channel, new Uint8Array(length).fill(7))
      .then(() => 'stored', errorText);
  },

  close: () => current().close(),

  texts: (count: number) => reach(texts, () => texts.length >= count),

  textsUntil: (awaited: string) => reach(texts, () => texts.includes(awaited)),

  events: (awaited: string) => reach(events, () => events.includes(awaited)),

  async stored(name) {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(DATABASE);
      request.addEventListener('success', () => resolve(request.result));
      request.addEventListener('error', () => reject(request.error));
    });
    const request = database.transaction('devices').objectStore('devices').get(name);
    await new Promise((resolve) => request.addEventListener('success', resolve));
    const { wrappingKey } = request.result.privateKey as { wrappingKey: CryptoKey };
    const exported = crypto.subtle.exportKey('raw', wrappingKey).then(
      () => 'exported',
      (error: Error) => error.name,
    );
    return {
      text: JSON.stringify(request.result, (_, value: unknown) =>
        value instanceof Uint8Array ? [...value] : value,
      ),
      extractable: wrappingKey.extractable,
      exported: await exported,
    };
  },
};

Object.assign(globalThis, { harness });
