import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import {
  createClient,
  createDevice,
  fetchServerInfo,
  MemoryDeviceStore,
  type ServerInfo,
} from '../../src/client/index.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { isJsonObject } from '../../src/protocol/json/json.ts';
import { adviceOn, errorWords } from '../kit/describe-error.ts';
import { probeTls } from '../kit/tls-probe.ts';
import { type Finding, fail, leftOut, ok, warn } from './finding.ts';

export interface Target {
  readonly url: URL;
  /** PEM certificates that are trusted besides the system's. */
  readonly ca: string | undefined;
  /** The configured domain; undefined when only a URL is known. */
  readonly domain: string | undefined;
  /** Whether a device may be registered for the check. */
  readonly handshake: boolean;
}

const START_IT = 'is the server running, and is a firewall in between?';

export async function checkServer(target: Target): Promise<readonly Finding[]> {
  const tls = await checkTls(target);
  if (tls.some(({ status, check }) => status === 'fail' && check === 'listener')) return tls;
  try {
    const info = await fetchServerInfo(target.url, trust(target));
    return [...tls, describe(target, info), await checkHandshake(target, info)];
  } catch (error) {
    return [
      ...tls,
      fail('server-info', errorWords(error), adviceOn(error) ?? 'look at the log of the server'),
    ];
  }
}

async function checkTls({ url, ca, domain }: Target): Promise<readonly Finding[]> {
  try {
    const roots = ca === undefined ? undefined : [...rootCertificates, ca];
    const { protocol, alpn, distrust } = await probeTls(url, roots, isLoopback(url) ? domain : undefined);
    const agreed = `${url.host}: ${protocol}, ALPN ${alpn}`;
    const listener =
      protocol === 'TLSv1.3' && alpn === 'h2'
        ? ok('listener', agreed)
        : fail('listener', agreed, 'TLS 1.3 and h2 are needed; a proxy in between must pass TLS through');
    const trusted =
      distrust === undefined
        ? ok('trust', 'the certificate is trusted')
        : warn('trust', distrust, 'clients need the certificate of its authority (--ca)');
    return [listener, trusted];
  } catch (error) {
    return [fail('listener', errorWords(error), START_IT)];
  }
}

function describe({ domain }: Target, info: ServerInfo): Finding {
  const check = 'server-info';
  if (domain !== undefined && domain !== info.domain) {
    return fail(
      check,
      `the domain is ${info.domain}, not ${domain}`,
      'another server answers at this address',
    );
  }
  return ok(check, `domain ${info.domain}, Noise key ${toHex(info.noisePublic)}`);
}

async function checkHandshake(
  target: Target,
  { domain, noisePublic, document }: ServerInfo,
): Promise<Finding> {
  const check = 'handshake';
  const { pairing } = document;
  const open = isJsonObject(pairing ?? null) && isJsonObject(pairing) && pairing.auto_approve === true;
  if (!open) return leftOut(check, 'a new device needs an approval here');
  if (!target.handshake) return leftOut(check, 'it would register a device');
  const device = createDevice();
  const client = createClient({
    url: target.url,
    ...trust(target),
    domain,
    serverStatic: noisePublic,
    store: new MemoryDeviceStore({ ...device, handle: `diagnose-${device.deviceId}` }),
    reconnect: false,
  });
  try {
    await client.connect();
    return ok(check, `XK with the new device ${device.deviceId}`);
  } catch (error) {
    return fail(check, errorWords(error), adviceOn(error) ?? 'look at the log of the server');
  } finally {
    await client.close();
  }
}

function trust({ url, ca }: Target): { readonly ca?: string[]; readonly insecureLoopback?: boolean } {
  // Nobody sits between this machine and itself, and its certificate has the public name.
  if (isLoopback(url)) return { insecureLoopback: true };
  return ca === undefined ? {} : { ca: [...rootCertificates, ca] };
}

function isLoopback({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
