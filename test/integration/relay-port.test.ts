import { LinkTable } from '../../src/gateway/index.ts';
import { batchedPort } from '../kit/batched-port.ts';
import { portContract } from '../kit/port.contract.ts';
import { turns } from '../kit/waiting.ts';

portContract('direct calls', (relay) => {
  const links = new LinkTable();
  return {
    links,
    relay,
    open: (session, endpoint) => links.set(session, endpoint),
    remove: (session) => links.delete(session),
    settle: () => turns(2),
  };
});

portContract('batches', batchedPort);
