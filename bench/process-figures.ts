import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Clock ticks a second of the times in /proc, the same on every Linux that Node.js runs on. */
const TICKS = 100;

/** CPU time that a process has used so far, all threads, user and system, in seconds. Linux only. */
export function cpuSeconds(pid: number): number {
  // The second field, the name, may itself contain spaces and parentheses.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
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
