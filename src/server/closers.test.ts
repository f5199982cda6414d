import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { turns } from '../../test/kit/waiting.ts';
import type { Logger } from '../telemetry/index.ts';
import { Closers } from './closers.ts';

/** Milliseconds that nothing here takes, unless it fails. */
const LONG = 60_000;
const never = (): Promise<void> => new Promise(() => undefined);

function recorded(): { readonly closers: Closers; readonly errors: string[]; readonly ended: string[] } {
  const errors: string[] = [];
  const logger = {
    error: ({ part }: { readonly part: string }, message: string) => void errors.push(`${part}: ${message}`),
  };
  return { closers: new Closers(logger as unknown as Logger), errors, ended: [] };
}

describe('given the parts of a server', () => {
  test('when they end, then it is the newest first, each behind the one before', async () => {
    const { closers, errors, ended } = recorded();
    for (const name of ['log', 'relay', 'gateway']) {
      closers.push(name, LONG, async () => {
        ended.push(`${name} begins`);
        await turns();
        ended.push(`${name} ends`);
      });
    }
    assert.deepEqual(await closers.close(), []);
    const order = ['gateway', 'relay', 'log'].flatMap((name) => [`${name} begins`, `${name} ends`]);
    assert.deepEqual([ended, errors], [order, []]);
  });

  test('when none was opened, then there is nothing to end', async () => {
    assert.deepEqual(await recorded().closers.close(), []);
  });

  test('when one never ends, then it is left behind after its deadline, and the others end', async () => {
    const { closers, errors, ended } = recorded();
    closers.push('log', LONG, async () => void ended.push('log'));
    closers.push('database', 5, never);
    closers.push('gateway', LONG, async () => void ended.push('gateway'));
    assert.deepEqual(await closers.close(), ['database']);
    assert.deepEqual(ended, ['gateway', 'log']);
    assert.deepEqual(errors, ['database: a part of the server did not end in time']);
  });

  test('when some fail, at once or later, then each is told of, and the others end', async () => {
    const { closers, errors, ended } = recorded();
    closers.push('log', LONG, async () => void ended.push('log'));
    closers.push('throws', LONG, () => {
      throw new Error('at once');
    });
    closers.push('rejects', LONG, () => Promise.reject(new Error('later')));
    assert.deepEqual(await closers.close(), ['rejects', 'throws']);
    assert.deepEqual(ended, ['log']);
    const failed = 'a part of the server failed to end';
    assert.deepEqual(errors, [`rejects: ${failed}`, `throws: ${failed}`]);
  });

  test('when one that was left behind fails afterwards, then nothing comes of it', async () => {
    const { closers } = recorded();
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    let fail: (error: Error) => void = () => undefined;
    closers.push('late', 1, () => new Promise((_, reject) => (fail = reject)));
    assert.deepEqual(await closers.close(), ['late']);
    fail(new Error('too late'));
    await turns();
    process.off('unhandledRejection', note);
    assert.deepEqual(unhandled, []);
  });

  test('when the end is asked for twice, then both wait for the same one, and the order stays', async () => {
    const { closers, ended } = recorded();
    let endGateway: () => void = () => undefined;
    closers.push('log', LONG, async () => void ended.push('log'));
    closers.push('gateway', LONG, () => new Promise((resolve) => (endGateway = resolve)));
    const both = Promise.all([closers.close(), closers.close()]);
    await turns();
    assert.deepEqual(ended, []);
    endGateway();
    assert.deepEqual(await both, [[], []]);
    assert.deepEqual(ended, ['log']);
  });
});

/** A program of its own with these parts; it prints `left: ` and what did not end in order. */
function program(...lines: readonly string[]): ChildProcess {
  const at = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const code = [
    `import { Closers } from ${at('./closers.ts')};`,
    `import { endForCertain } from ${at('../../cli/server/end-for-certain.ts')};`,
    `import { shutdownOnSignal } from ${at('../../cli/kit/signals.ts')};`,
    'const say = (text) => process.stdout.write(text + "\\n");',
    'const logger = { error: (_, message) => say(message) };',
    'const closers = new Closers(logger);',
    'const never = () => new Promise(() => undefined);',
    ...lines,
  ].join('\n');
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code];
  return spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
}

async function outcome(child: ChildProcess): Promise<readonly [code: number | null, output: string]> {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return [code, output];
}

const END = 'say("left: " + await closers.close());';

describe('given a process that ends', { timeout: 120_000 }, () => {
  test('when nothing but a part that hangs is left, then it waits for the deadline and says who it was', async () => {
    const child = program('closers.push("hangs", 50, never);', END);
    assert.deepEqual(await outcome(child), [0, 'a part of the server did not end in time\nleft: hangs\n']);
  });

  test('when all parts have ended long before their deadlines, then nothing holds it', async () => {
    const child = program(
      `closers.push("quick", ${LONG}, async () => undefined);`,
      `endForCertain({ logger, output: undefined, timeoutMs: ${LONG} });`,
      END,
    );
    assert.deepEqual(await outcome(child), [0, 'left: \n']);
  });

  test('when a part hangs for longer than all may take, then the process ends with 1 behind the last lines of its log', async () => {
    const child = program(
      `closers.push("hangs", ${LONG}, never);`,
      'const output = { flush: async () => say("flushed") };',
      'endForCertain({ logger, output, timeoutMs: 50 });',
      END,
    );
    const said = 'shutting down takes too long; the process ends as it is\nflushed\n';
    assert.deepEqual(await outcome(child), [1, said]);
  });

  test('when a part hangs and a second signal comes, then it ends at once with 1', async () => {
    const child = program(
      `closers.push("hangs", ${LONG}, () => { say("ending"); return never(); });`,
      'const { asked } = shutdownOnSignal();',
      'setInterval(() => undefined, 1000);',
      'say("ready");',
      'await asked;',
      END,
    );
    child.stdout?.on('data', (chunk: Buffer) => {
      if (/ready|ending/.test(chunk.toString())) child.kill('SIGTERM');
    });
    assert.deepEqual(await outcome(child), [1, 'ready\nending\n']);
  });
});
