import { type Stats, statSync } from 'node:fs';
import type { Config } from './config.ts';

/** A file that others may read or write, and should not. */
export interface ExposedFile {
  readonly path: string;
  readonly detail: string;
  /** What to do about it. */
  readonly advice: string;
}

const OTHERS_WRITE = 0o002;
const GROUP_WRITES = 0o020;
const OTHERS_READ = 0o004;

/**
 * What others of this machine may read or change and should not: the data folder, the TLS key, a configuration with a
 * password in it. Key files of the server itself are refused instead, and not warned about.
 */
export function exposedFiles({ file, hasSecrets, server, storage }: Config): readonly ExposedFile[] {
  const found: ExposedFile[] = [];
  const look = (path: string, forbidden: number, what: string, mode: string): void => {
    const seen = statOf(path);
    if (seen === undefined || (seen.mode & forbidden) === 0) return;
    const shown = (seen.mode & 0o777).toString(8).padStart(4, '0');
    found.push({ path, detail: `${path} ${what} (mode ${shown})`, advice: `chmod ${mode} ${path}` });
  };
  look(
    storage.dataDir,
    OTHERS_WRITE | GROUP_WRITES,
    'can be changed by others: it is the data folder',
    '700',
  );
  look(server.tlsKey, OTHERS_READ, 'can be read by others: it is the TLS key', '600');
  if (file !== undefined && hasSecrets) {
    look(file, OTHERS_READ, 'can be read by others, and there is a secret in it', '600');
  }
  return found;
}

function statOf(path: string): Stats | undefined {
  return process.platform === 'win32' ? undefined : statSync(path, { throwIfNoEntry: false });
}
