import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Clock ticks a second of the times in /proc, the same on every Linux that Node.js runs on. */
const TICKS = 100;

/** CPU time that a process has used so far, all threads, user and system, in seconds. Linux only. */
export function cpuSeconds(pid: number): number {
  return cpuSecondsIn(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

export interface ThreadCpu {
  /** As the kernel has it: its first 15 characters. */
  readonly name: string;
  readonly seconds: number;
}

/** CPU time of each thread of a process by the number of the thread; the main one has that of the process. Linux only. */
export function threadCpu(pid: number): ReadonlyMap<number, ThreadCpu> {
  const threads = new Map<number, ThreadCpu>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
      threads.set(Number(thread), { name, seconds: cpuSecondsIn(stat) });
    } catch (error) {
      if (!outOfReach(error)) throw error;
    }
  }
  return threads;
}

function cpuSecondsIn(stat: string): number {
  // The second field, the name, may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Files that this process may have open at once. Linux only. */
export function openFilesLimit(): number {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  if (line?.[1] === undefined) throw new Error('no limit of open files in /proc/self/limits');
  return line[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line[1]);
}

/** Resident memory of a process in bytes. Linux only. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (line?.[1] === undefined) throw new Error(`no VmRSS for process ${pid}`);
  return Number(line[1]) * 1024;
}

/** CPU time of all processes that work in this folder or below (the server's Postgres), in seconds. Linux only. */
export function cpuSecondsWithin(folder: string): number {
  let sum = 0;
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      if (readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)) sum += cpuSeconds(pid);
    } catch (error) {
      if (!outOfReach(error)) throw error;
    }
  }
  return sum;
}

/** Processes come and go, and those of others are not shown. */
function outOfReach(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EACCES'].includes(String(error.code))
  );
}
