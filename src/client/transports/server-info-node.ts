import { request } from 'node:https';
import { ClientError } from '../values/client-error.ts';
import { connectError } from './http2-transport.ts';
import {
  answerDeadline,
  noAnswer,
  readServerInfo,
  SERVER_INFO,
  type ServerInfo,
  serverInfoUrl,
  tooLong,
} from './server-info.ts';
import { isLoopback, trustOptions } from './tls-trust.ts';
import type { TlsTrustOptions } from './tls-trust-options.ts';

/** Options of `fetchServerInfo`. */
export interface ServerInfoOptions extends TlsTrustOptions {
  /** Milliseconds. @default 10000 */
  readonly timeout?: number;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/** Reads `/api/server-info` of the server that `url` (its path does not matter) belongs to. @throws ClientError */
export async function fetchServerInfo(
  url: string | URL,
  options: ServerInfoOptions = {},
): Promise<ServerInfo> {
  const target = serverInfoUrl(url);
  if (options.insecureLoopback === true && !isLoopback(target.hostname)) {
    throw new ClientError('CLIENT_OPTIONS', 'insecureLoopback is for loopback addresses only');
  }
  try {
    return readServerInfo(await fetchBody(target, options));
  } catch (error) {
    throw connectError(error);
  }
}

function fetchBody(target: URL, options: ServerInfoOptions): Promise<Uint8Array> {
  const timeout = answerDeadline(options.timeout);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(timeout.aborted ? noAnswer(error) : error);
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
        if (length > SERVER_INFO.MAX_BYTES) response.destroy(tooLong());
        parts.push(part);
      });
      response.on('error', fail);
      response.on('end', () => resolve(new Uint8Array(Buffer.concat(parts))));
    });
    outgoing.on('error', fail);
    outgoing.end();
  });
}
