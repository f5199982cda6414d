import { readdirSync, readFileSync } from 'node:fs';

/** Bytes of memory that belong to no file: the heap, buffers and stacks, not pages of the index that the kernel may drop. */
export function anonymousMemory(pid: number): number {
  const match = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  if (match?.[1] === undefined) throw new Error('the kernel tells no RssAnon');
  return Number(match[1]) * 1024;
}

export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
