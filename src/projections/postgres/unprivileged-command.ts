import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { ProjectionError } from '../tables/projection-error.ts';

const run = promisify(execFile);

/** What an execFile failure carries beyond its message. */
interface CommandFailure {
  readonly code?: number | string;
  readonly stdout?: string;
  readonly stderr?: string;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly output: string;
}

/** Runs programs as a user that PostgreSQL accepts, each with its arguments as they are: no shell reads them. */
export interface UnprivilegedCommand {
  /** The user that the programs run as and that must own the data folder; `undefined`: our own. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Waits for the end of the program, at most `timeoutMs`. */
  run(program: string, args: readonly string[], timeoutMs: number): Promise<CommandResult>;
  /** Starts a program that outlives this process, with its output in an open file. */
  start(program: string, args: readonly string[], output: number): ChildProcess;
}

interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** Where every user may be, and nothing of our own environment. */
function surroundings(): { readonly cwd: string; readonly env: NodeJS.ProcessEnv } {
  return { cwd: '/', env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } };
}

async function execute(
  program: string,
  args: readonly string[],
  options: Partial<Identity> & { readonly timeout: number },
): Promise<CommandResult> {
  try {
    const { stdout, stderr } = await run(program, [...args], { ...options, ...surroundings() });
    return { exitCode: 0, output: `${stdout}${stderr}`.trim() };
  } catch (cause) {
    const failure = cause as CommandFailure;
    if (typeof failure.code === 'number') {
      return { exitCode: failure.code, output: `${failure.stdout ?? ''}${failure.stderr ?? ''}`.trim() };
    }
    throw new ProjectionError('POSTGRES_UNAVAILABLE', `${program} did not run`, { cause });
  }
}

function begin(
  program: string,
  args: readonly string[],
  output: number,
  identity: Partial<Identity>,
): ChildProcess {
  return spawn(program, [...args], {
    ...identity,
    ...surroundings(),
    detached: true,
    stdio: ['ignore', output, output],
  });
}

const QUICK_MS = 10_000;

async function identityOf(user: string): Promise<Identity | undefined> {
  const [uid, gid] = await Promise.all([
    execute('id', ['-u', user], { timeout: QUICK_MS }),
    execute('id', ['-g', user], { timeout: QUICK_MS }),
  ]);
  if (uid.exitCode !== 0 || gid.exitCode !== 0) return undefined;
  return { uid: Number(uid.output), gid: Number(gid.output) };
}

async function postgresUser(): Promise<Identity> {
  const existing = await identityOf('postgres');
  if (existing !== undefined) return existing;
  const args = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres'];
  const added = await execute('useradd', args, { timeout: QUICK_MS });
  const created = await identityOf('postgres');
  if (created !== undefined) return created;
  throw new ProjectionError(
    'POSTGRES_UNAVAILABLE',
    `PostgreSQL does not run as root and the user "postgres" could not be created: ${added.output}`,
  );
}

/** Keeps the right to pass folders that are closed to other users, and nothing else of root. */
const SETPRIV = ['--clear-groups', '--inh-caps=-all,+dac_override', '--ambient-caps=+dac_override'];

/**
 * PostgreSQL refuses to run as root; then it runs as the system user `postgres`, which is created when there is none.
 * A folder that this user cannot reach (root's home, a folder from mktemp) is common where people work as root: there
 * setpriv leaves the one capability that opens it.
 *
 * @param folder must be reachable: the parent of PostgreSQL's data
 * @param programs must be reachable, and know `--version`
 * @throws ProjectionError `POSTGRES_UNAVAILABLE` when no way works.
 */
export async function unprivilegedCommand(
  folder: string,
  programs: readonly string[],
): Promise<UnprivilegedCommand> {
  if (process.getuid?.() !== 0) return direct(undefined);
  const owner = await postgresUser();
  for (const command of [direct(owner), capable(owner)]) {
    if (await reaches(command, folder, programs)) return command;
  }
  throw new ProjectionError(
    'POSTGRES_UNAVAILABLE',
    `the user "postgres" cannot reach ${[folder, ...programs].join(', ')}; choose a folder that others may enter, or run as an ordinary user`,
  );
}

function direct(owner: Identity | undefined): UnprivilegedCommand {
  return {
    owner,
    run: (program, args, timeout) => execute(program, args, { timeout, ...owner }),
    start: (program, args, output) => begin(program, args, output, { ...owner }),
  };
}

function capable(owner: Identity): UnprivilegedCommand {
  const identity = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, ...SETPRIV, '--'];
  return {
    owner,
    run: (program, args, timeout) => execute('setpriv', [...identity, program, ...args], { timeout }),
    start: (program, args, output) => begin('setpriv', [...identity, program, ...args], output, {}),
  };
}

async function reaches(
  command: UnprivilegedCommand,
  folder: string,
  programs: readonly string[],
): Promise<boolean> {
  // Not `test -x`: it reads modes, and knows nothing of the capability.
  const probes = [['ls', '-d', '--', `${folder}/.`], ...programs.map((program) => [program, '--version'])];
  for (const [program = '', ...args] of probes) {
    const found = await command.run(program, args, QUICK_MS).catch(() => undefined);
    if (found?.exitCode !== 0) return false;
  }
  return true;
}
