// `npm run soak -- [--minutes 10] [--seed N] [--postgres DSN]`: mixed load over every door against a server in a process of
// its own. Ends with exit code 0 when nothing was lost, doubled or swapped, memory and descriptors are flat, and the log
// is clean.
import { parseArgs } from 'node:util';
import { ServerProcess } from '../kit/server-process.ts';
import { soak } from './soak.ts';
import { BOUNDS, judge } from './verdict.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    postgres: { type: 'string', default: 'none' },
  },
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const mib = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`;

const seconds = Number(values.minutes) * 60;
if (!(seconds > 0)) throw new Error('--minutes takes a number above 0');
await using server = await ServerProcess.start([`storage.postgres_dsn=${values.postgres}`]);
say(`server process ${server.pid}, ${seconds} s, seed ${values.seed}`);
const figures = await soak(server, { seconds, seed: Number(values.seed), progress: say });
const { trend, log, problems } = await judge(server, figures);
const events = log.families.reduce((sum, family) => sum + family.events, 0);
say(`
${figures.participants} devices, ${figures.connections} connections, ${figures.strangers} visits of strangers
${figures.breaks} broken connections, ${figures.absences} absences, ${figures.slowReaders} slow readers, ${figures.walks} leaves and joins
${figures.sent} messages sent, ${figures.acknowledged} acknowledged, ${figures.received} received
memory: mean ${mib(trend.mean)} behind the warm-up, fitted growth ${mib(trend.growth)} (at most ${mib(Math.max(BOUNDS.MEMORY_BYTES, BOUNDS.MEMORY_SHARE * trend.mean))})
descriptors: ${figures.descriptorsBefore} before, ${figures.descriptorsAfter} behind
log: ${events} events verified, damage ${log.damage.length}
${problems.length === 0 ? 'PASSED' : `FAILED\n${problems.slice(0, 50).join('\n')}`}`);
process.exitCode = problems.length === 0 ? 0 : 1;
