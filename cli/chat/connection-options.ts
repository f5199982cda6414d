import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fetchServerInfo } from '../../src/client/index.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { CommandError, EXIT } from '../kit/exit-codes.ts';
import { readDevReady } from '../server/dev-server.ts';

export interface ChatFlags {
  readonly url?: string | undefined;
  readonly ca?: string | undefined;
  readonly domain?: string | undefined;
  readonly 'server-static'?: string | undefined;
  readonly data?: string | undefined;
  readonly device?: string | undefined;
  readonly as?: string | undefined;
}

/** Where the server is, and what it must prove. */
export interface ServerAddress {
  readonly url: string;
  readonly ca: string | undefined;
  readonly domain: string;
  readonly serverStatic: string;
  /** The key was not given but asked for: true only if nobody sits in between. */
  readonly trustedOnFirstUse: boolean;
}

/** @throws CommandError when the server is not named, ClientError when it has to be asked and does not answer */
export async function serverAddress(flags: ChatFlags): Promise<ServerAddress> {
  const running = flags.data === undefined ? undefined : await readDevReady(flags.data);
  const url = flags.url ?? running?.url;
  if (url === undefined) {
    throw new CommandError(EXIT.USAGE, 'which server? Give --url, or --data of a development server');
  }
  const caFile = flags.ca ?? running?.ca_file;
  const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8');
  const domain = flags.domain ?? running?.domain;
  const serverStatic = flags['server-static'] ?? running?.noise_public;
  if (domain !== undefined && serverStatic !== undefined) {
    return { url, ca, domain, serverStatic, trustedOnFirstUse: false };
  }
  const info = await fetchServerInfo(url, ca === undefined ? {} : { ca });
  return {
    url,
    ca,
    domain: domain ?? info.domain,
    serverStatic: serverStatic ?? toHex(info.noisePublic),
    trustedOnFirstUse: serverStatic === undefined,
  };
}

/** The file of this chat's device. */
export function deviceFile({ device, data, as }: ChatFlags): string {
  if (device !== undefined) return device;
  const folder = data === undefined ? join(homedir(), '.config', 'commucat') : join(data, 'devices');
  return join(folder, `${as === undefined ? 'device' : encodeURIComponent(as)}.json`);
}

/**
 * The number of the channel for two devices: the same on both sides, and another one for every pair, so that two chats of
 * a device do not become one. 1 to 2^31 - 1.
 */
export function channelOf(one: string, other: string): number {
  const digest = createHash('sha256').update([one, other].sort().join('\n')).digest();
  return digest.readUInt32BE(0) >>> 1 || 1;
}
