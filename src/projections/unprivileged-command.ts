import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ProjectionError } from './projection-error.ts';

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

/** Runs programs as a user that PostgreSQL accepts. */
export interface UnprivilegedCommand {
  /** The user that the programs run as and that must own the data folder; `undefined`: our own. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Waits for the end of the program, at most `timeoutMs`. */
  run(program: string, args: readonly string[], timeoutMs: number): Promise<CommandResult>;
}

async function execute(
  program: string,
  args: readonly string[],
  options: { readonly timeout: number; readonly uid?: number; readonly gid?: number },
): Promise<CommandResult> {
  try {
    const { stdout, stderr } = await run(program, [...args], {
      ...options,
      cwd: '/',
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    });
    return { exitCode: 0, output: `${stdout}${stderr}`.trim() };
  } catch (cause) {
    const failure = cause as CommandFailure;
    if (typeof failure.code === 'number') {
      return { exitCode: failure.code, output: `${failure.stdout ?? ''}${failure.stderr ?? ''}`.trim() };
    }
    throw new ProjectionError('POSTGRES_UNAVAILABLE', `${program} did not run`, { cause });
  }
}

const QUICK_MS = 10_000;

async function identityOf(user: string): Promise<{ uid: number; gid: number } | undefined> {
  const [uid, gid] = await Promise.all([
    execute('id', ['-u', user], { timeout: QUICK_MS }),
    execute('id', ['-g', user], { timeout: QUICK_MS }),
  ]);
  if (uid.exitCode !== 0 || gid.exitCode !== 0) return undefined;
  return { uid: Number(uid.output), gid: Number(gid.output) };
}

async function postgresUser(): Promise<{ uid: number; gid: number }> {
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
 * @param paths what must be reachable: the data folder's parent and the programs.
 * @throws ProjectionError `POSTGRES_UNAVAILABLE` when no way works.
 */
export async function unprivilegedCommand(paths: readonly string[]): Promise<UnprivilegedCommand> {
  if (process.getuid?.() !== 0) {
    return { owner: undefined, run: (program, args, timeout) => execute(program, args, { timeout }) };
  }
  const owner = await postgresUser();
  const probe = ['-c', 'for path; do test -x "$path" || exit 1; done', 'sh', ...paths];
  const direct: UnprivilegedCommand = {
    owner,
    run: (program, args, timeout) => execute(program, args, { timeout, ...owner }),
  };
  if ((await direct.run('/bin/sh', probe, QUICK_MS)).exitCode === 0) return direct;
  const identity = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`];
  const capable: UnprivilegedCommand = {
    owner,
    run: (program, args, timeout) =>
      execute('setpriv', [...identity, ...SETPRIV, '--', program, ...args], { timeout }),
  };
  const reached = await capable.run('/bin/sh', probe, QUICK_MS).catch(() => undefined);
  if (reached?.exitCode === 0) return capable;
  throw new ProjectionError(
    'POSTGRES_UNAVAILABLE',
    `the user "postgres" cannot reach ${paths.join(', ')}; choose a folder that others may enter, or run as an ordinary user`,
  );
}
