import { fromHex } from '../../protocol/bytes.ts';
import { ClientError } from '../values/client-error.ts';
import { type JsonDocument, plainDocument } from '../values/plain-json.ts';
import { objectOf, textMember } from '../values/wire-values.ts';

/** What a server says about itself before anybody logs in (PROTOCOL.md 3.3). */
export interface ServerInfo {
  readonly domain: string;
  /** Its newest Noise static key. Pin it: whoever can forge this answer can pretend to be the server. */
  readonly noisePublic: Uint8Array;
  /** The whole document. */
  readonly document: JsonDocument;
}

export const SERVER_INFO = {
  PATH: '/api/server-info',
  /** Milliseconds to wait for the whole answer. */
  TIMEOUT_MS: 10_000,
  /** A day; platforms fire at once after delays that are too long for them. */
  LONGEST_TIMEOUT_MS: 86_400_000,
  /** Bytes of the answer that are read. */
  MAX_BYTES: 262_144,
} as const;

/** Where the server of `url`, whose path does not matter, describes itself. @throws ClientError code `CLIENT_OPTIONS` */
export function serverInfoUrl(url: string | URL): URL {
  let target: URL;
  try {
    target = new URL(SERVER_INFO.PATH, url);
  } catch (cause) {
    throw new ClientError('CLIENT_OPTIONS', 'url is not a URL', { cause });
  }
  if (target.protocol === 'wss:') target.protocol = 'https:';
  if (target.protocol !== 'https:') throw new ClientError('CLIENT_OPTIONS', 'url must start with https://');
  return target;
}

/** @throws ClientError code `CLIENT_PROTOCOL` */
export function readServerInfo(body: Uint8Array): ServerInfo {
  const document = objectOf({ payload: body });
  const domain = textMember(document, 'domain');
  const key = textMember(document, 'noise_public');
  if (domain === undefined || key === undefined || !/^[0-9a-f]{64}$/i.test(key)) {
    throw new ClientError('CLIENT_PROTOCOL', 'the server describes itself without domain or noise_public');
  }
  return { domain, noisePublic: fromHex(key), document: plainDocument(document) };
}

export function tooLong(): ClientError {
  return new ClientError('CLIENT_PROTOCOL', 'the answer is too long');
}

/** The time was over. */
export function noAnswer(cause: unknown): ClientError {
  return new ClientError('CLIENT_TIMEOUT', 'the server does not answer', { cause });
}

/** @throws ClientError code `CLIENT_OPTIONS` */
export function answerDeadline(timeoutMs: number = SERVER_INFO.TIMEOUT_MS): AbortSignal {
  if (!(timeoutMs >= 0)) throw new ClientError('CLIENT_OPTIONS', 'timeout is a number of milliseconds');
  return AbortSignal.timeout(Math.min(Math.ceil(timeoutMs), SERVER_INFO.LONGEST_TIMEOUT_MS));
}
