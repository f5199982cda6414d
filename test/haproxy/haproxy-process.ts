import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  freePort,
  isInstalled,
  ProxyProcess,
  type Substitutions,
  shippedFile,
} from '../kit/proxy-process.ts';

const PROGRAM = 'haproxy';

/** Why the tests with HAProxy cannot run here; undefined: they can. */
export function haproxyMissing(): string | undefined {
  return isInstalled(PROGRAM) ? undefined : 'HAProxy is not installed (Debian: apt-get install haproxy)';
}

/**
 * Starts HAProxy with one of the files of `deploy/haproxy`.
 *
 * @param certificate PEM of key and chain, when HAProxy ends TLS
 */
export async function startHaproxy(
  name: string,
  certificate: string,
  replace: Substitutions,
): Promise<ProxyProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'commucat-haproxy-'));
  const port = await freePort();
  const pem = join(folder, 'chat.pem');
  writeFileSync(pem, certificate, { mode: 0o600 });
  const text = shippedFile(`haproxy/${name}`, {
    ':443': `127.0.0.1:${port}`,
    'inter 2s': 'inter 200ms',
    // It asks for two descriptors each, and ends when the limit of the shell is lower.
    'maxconn 20000': 'maxconn 100',
    ...replace,
  });
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, text.replaceAll('/etc/haproxy/chat.example.pem', pem));
  return new ProxyProcess(port, { program: PROGRAM, args: ['-db', '-f', file], folder, end: 'SIGKILL' });
}
