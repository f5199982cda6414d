import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mermaidOf } from '../../cli/pages/state-diagram.ts';
import { sessionMachine } from '../../src/actors/sessions/session-machine.ts';
import { commucat } from './cli-support.ts';

test('given a machine, when its diagram is drawn, then every kind of transition is in it', () => {
  const drawn = mermaidOf({
    initial: 'one',
    on: { STOP: '.three', TICK: { actions: 'count' } },
    states: {
      one: { on: { GO: [{ guard: 'ready', target: 'two' }, { target: 'three' }] } },
      two: { always: { guard: 'done', target: 'three' }, on: { STOP: 'one' } },
      three: { type: 'final' },
    },
  });
  const expected = [
    '[*] --> one',
    'one --> two : GO [ready]',
    'one --> three : GO',
    'one --> three : STOP',
    'two --> three : [done]',
    'two --> one : STOP',
    'three --> [*]',
  ];
  assert.deepEqual(drawn.split('\n'), ['stateDiagram-v2', ...expected.map((line) => `  ${line}`)]);
});

test('given the actors, when the command draws them, then all are there with the states of the running machines', async () => {
  const { code, stdout } = await commucat(['actors', '--json']);
  assert.equal(code, 0);
  const diagrams = JSON.parse(stdout) as readonly { name: string; states: string[] }[];
  assert.deepEqual(
    diagrams.map(({ name }) => name),
    ['session', 'channel', 'group', 'call'],
  );
  assert.deepEqual(diagrams[0]?.states, Object.keys(sessionMachine.config.states ?? {}));
  const { stdout: mermaid } = await commucat(['actors', 'call', '--mermaid']);
  assert.match(mermaid, /^%% call\nstateDiagram-v2\n {2}\[\*\] --> none\n/);
});
