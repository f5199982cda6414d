import { test } from 'node:test';
import { type Command, plan } from './relay-commands.ts';
import { RelayRun } from './relay-run.ts';
import { sample } from './sampling.ts';

test('given any sequence of joins, sends, breaks, crashes and refusals, then every promise of delivery holds', (t) =>
  sample(t, { plans: plan, runs: 80, run: (planned) => new RelayRun(planned).run() }));

test('given letters that expired and a crash that forgets it, when a device that confirms nothing gets them behind newer ones, then that is no broken promise', async () => {
  const send = { do: 'send', wait: false, device: 4, channel: 1, count: 1, size: 0, type: 'msg' } as const;
  const commands: Command[] = [
    { do: 'sendAndLose', wait: false, device: 1, channel: 1, reached: 0 },
    { do: 'crash', wait: false },
    { do: 'connect', wait: true, device: 1, confirmAtOnce: false },
    { do: 'hold', wait: false, what: 'mail', commands: 1, refusing: false },
    { do: 'pass', wait: false, milliseconds: 3_700_000 },
    { do: 'hold', wait: false, what: 'mail', commands: 2, refusing: true },
    { do: 'connect', wait: true, device: 4, confirmAtOnce: false },
    { do: 'connect', wait: false, device: 2, confirmAtOnce: false },
    send,
    { do: 'connect', wait: true, device: 0, confirmAtOnce: false },
    { do: 'crash', wait: false },
  ];
  await new RelayRun({ window: 1, page: 1, wrap: false, eager: 0, order: undefined, commands }).run();
});
