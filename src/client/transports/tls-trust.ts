import type { TlsTrustOptions } from './tls-trust-options.ts';

/** Whether a host name stands for this machine only. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** The options in the words of node:tls. */
export function trustOptions({ ca, insecureLoopback }: TlsTrustOptions): {
  readonly rejectUnauthorized: boolean;
  readonly ca?: (string | Buffer)[];
} {
  return {
    rejectUnauthorized: insecureLoopback !== true,
    ...(ca === undefined ? {} : { ca: certificates(ca) }),
  };
}

/** PEM certificates as node:tls takes them. */
export function certificates(ca: NonNullable<TlsTrustOptions['ca']>): (string | Buffer)[] {
  const list = typeof ca === 'string' || ca instanceof Uint8Array ? [ca] : ca;
  return list.map((entry) => (typeof entry === 'string' ? entry : Buffer.from(entry)));
}
