import { request } from 'node:https';
import { fromHex } from '../protocol/bytes.ts';
import { isJsonObject, type JsonObject, parseJson } from '../protocol/json.ts';
import { ClientError } from './client-error.ts';
import { type Http2TransportOptions, isLoopback, trustOptions } from './http2-transport.ts';
import { textMember } from './wire-values.ts';

/** What a server says about itself before anybody logs in (PROTOCOL.md 3.3). */
export interface ServerInfo {
  readonly domain: string;
  /** Its newest Noise static key. Pin it: whoever can forge this answer can pretend to be the server. */
  readonly noisePublic: Uint8Array;
  /** The whole document. */
  readonly document: JsonObject;
}

export interface ServerInfoOptions extends Pick<Http2TransportOptions, 'ca' | 'insecureLoopback'> {
  /** Milliseconds. @default 10000 */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 262_144;

/** Reads `/api/server-info` of the server that `url` (its path does not matter) belongs to. @throws ClientError */
export async function fetchServerInfo(
  url: string | URL,
  options: ServerInfoOptions = {},
): Promise<ServerInfo> {
  const target = new URL('/api/server-info', url);
  if (target.protocol !== 'https:') throw new ClientError('CLIENT_OPTIONS', 'url must start with https://');
  if (options.insecureLoopback === true && !isLoopback(target.hostname)) {
    throw new ClientError('CLIENT_OPTIONS', 'insecureLoopback is for loopback addresses only');
  }
  const document = parseJson(await fetchBody(target, options));
  const domain = isJsonObject(document) ? textMember(document, 'domain') : undefined;
  const key = isJsonObject(document) ? textMember(document, 'noise_public') : undefined;
  if (!isJsonObject(document) || domain === undefined || key === undefined || !/^[0-9a-f]{64}$/i.test(key)) {
    throw new ClientError('CLIENT_PROTOCOL', 'the server describes itself without domain or noise_public');
  }
  return { domain, noisePublic: fromHex(key), document };
}

function fetchBody(target: URL, options: ServerInfoOptions): Promise<Uint8Array> {
  const timeout = AbortSignal.timeout(options.timeout ?? TIMEOUT_MS);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      if (timeout.aborted)
        reject(new ClientError('CLIENT_TIMEOUT', 'the server does not answer', { cause: error }));
      else if (error instanceof ClientError) reject(error);
      else
        reject(
          new ClientError('CLIENT_TRANSPORT', `cannot read ${target.href}: ${error.message}`, {
            cause: error,
          }),
        );
    };
    const outgoing = request(target, { ...trustOptions(options), agent: false, signal }, (response) => {
      if (response.statusCode !== 200) {
        response.destroy(
          new ClientError('CLIENT_HTTP', `${target.href}: HTTP status ${response.statusCode}`),
        );
      }
      const parts: Buffer[] = [];
      let length = 0;
      response.on('data', (part: Buffer) => {
        length += part.length;
        if (length > MAX_BYTES)
          response.destroy(new ClientError('CLIENT_PROTOCOL', 'the answer is too long'));
        parts.push(part);
      });
      response.on('error', fail);
      response.on('end', () => resolve(new Uint8Array(Buffer.concat(parts))));
    });
    outgoing.on('error', fail);
    outgoing.end();
  });
}
