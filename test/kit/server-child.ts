// A server in a process of its own, for tests that kill it: `server-child.ts <folder> <port> [section.key=value ...]`.
// Prints one line of JSON when it listens.
import { demoPages } from '../../cli/server/demo-pages.ts';
import { prepareDevServer, readyOf } from '../../cli/server/dev-server.ts';
import { runServer } from '../../cli/server/run-server.ts';
import { createLogger } from '../../src/telemetry/index.ts';

const [data = '.', port = '0', ...set] = process.argv.slice(2);
const setup = await prepareDevServer({ data, port: Number(port), set });
await runServer({
  config: setup.config,
  logger: createLogger({ level: 'warn', destination: process.stderr }),
  onHangup: 'reload',
  pages: demoPages(),
  ready: (server) => process.stdout.write(`${JSON.stringify(readyOf(server, setup))}\n`),
});
