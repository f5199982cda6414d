import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  freePort,
  isInstalled,
  ProxyProcess,
  type Substitutions,
  shippedFile,
} from '../kit/proxy-process.ts';

const PROGRAM = 'nginx';
/** Where Debian keeps the stream module, which other builds have inside. */
const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** Why the tests with nginx cannot run here; undefined: they can. */
export function nginxMissing(): string | undefined {
  return isInstalled(PROGRAM)
    ? undefined
    : 'nginx is not installed (Debian: apt-get install nginx libnginx-mod-stream)';
}

/**
 * Starts nginx with one of the files of `deploy/nginx`.
 *
 * @param block of nginx.conf that the file belongs into
 * @param certificate PEM of key and chain, when nginx ends TLS
 */
export async function startNginx(
  name: string,
  block: 'http' | 'stream',
  certificate: string,
  replace: Substitutions,
): Promise<ProxyProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'commucat-nginx-'));
  const port = await freePort();
  const pem = join(folder, 'chat.pem');
  writeFileSync(pem, certificate, { mode: 0o600 });
  const text = shippedFile(`nginx/${name}`, { 'listen 443': `listen 127.0.0.1:${port}`, ...replace });
  writeFileSync(join(folder, 'site.conf'), text.replaceAll(/\/etc\/nginx\/chat\.example\.(pem|key)/g, pem));
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, mainFile(folder, block));
  const args = ['-p', folder, '-c', file, '-e', 'stderr'];
  return new ProxyProcess(port, { program: PROGRAM, args, folder, end: 'SIGTERM' });
}

/** Everything that nginx writes lies in the folder. */
function mainFile(folder: string, block: 'http' | 'stream'): string {
  const bodies = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const temporary = bodies.map((body) => `${body}_temp_path ${join(folder, body)};`).join('\n');
  return `${existsSync(STREAM_MODULE) ? `load_module ${STREAM_MODULE};` : ''}
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr;
events { worker_connections 256; }
${block} {
${block === 'http' ? `access_log off;\n${temporary}` : ''}
include ${join(folder, 'site.conf')};
}
`;
}
