import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerProcess } from '../kit/server-process.ts';

/** Bytes of memory that belong to no file: the heap, buffers and stacks, not pages of the index that the kernel may drop. */
export function anonymousMemory(pid: number): number {
  const match = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  if (match?.[1] === undefined) throw new Error('the kernel tells no RssAnon');
  return Number(match[1]) * 1024;
}

/** Sockets, pipes and files of the server, without the files of its log: those grow in number with what is stored. */
export function openDescriptors(server: ServerProcess): number {
  const folder = `/proc/${server.pid}/fd`;
  return readdirSync(folder).filter((name) => {
    const target = targetOf(join(folder, name));
    return target !== undefined && !target.startsWith(server.logDirectory);
  }).length;
}

/** Undefined: closed meanwhile. */
function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}
