// The house rules of ARCHITECTURE.md: imports point one way. A room may import itself and what its row in layers.json
// lists; a file belongs to the innermost room around it. `x/*` stands for a room with all rooms inside it. A test holds
// that every permission is used.
const { existsSync } = require('node:fs');
const rooms = require('./layers.json');

const names = Object.keys(rooms);
const inside = (room) => names.filter((name) => name.startsWith(`${room}/`));
/** What matches the files of a room, without those of the rooms inside it. */
function filesOf(room) {
  const inner = inside(room).map((name) => name.slice(room.length + 1));
  return inner.length === 0 ? `^src/${room}/` : `^src/${room}/(?!(${inner.join('|')})/)`;
}
const patternOf = (name) => (name.endsWith('/*') ? `^src/${name.slice(0, -2)}/` : filesOf(name));

const testFile = '\\.test\\.ts$';
/** Published for others, who enter them by their index; here what is needed of them is imported alone. */
const OPEN = ['protocol', 'client', 'protocol/control'];
const entered = names.filter((name) => existsSync(`${__dirname}/src/${name}/index.ts`) && !OPEN.includes(name));

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...names.map((room) => ({
      name: `layer-${room}`,
      severity: 'error',
      from: { path: filesOf(room), pathNot: testFile },
      to: { path: '^(src|cli)/', pathNot: [room, ...rooms[room]].map(patternOf) },
    })),
    ...entered.map((room) => ({
      name: `door-of-${room}`,
      severity: 'error',
      from: { path: '^(src|cli)/', pathNot: [`^src/${room}/`, testFile] },
      to: { path: `^src/${room}/`, pathNot: `^src/${room}/index\\.ts$` },
    })),
    {
      name: 'a-room-for-every-file',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/', pathNot: ['^src/server/', ...names.map(filesOf)] },
    },
    {
      name: 'protocol-runs-in-a-browser',
      severity: 'error',
      from: { path: '^src/(protocol|ports)/', pathNot: testFile },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'protocol-packages',
      severity: 'error',
      from: { path: '^src/(protocol|ports)/', pathNot: testFile },
      to: { path: 'node_modules', pathNot: 'node_modules/(@noble|typebox)/' },
    },
    {
      name: 'only-the-composition-root-wires',
      severity: 'error',
      from: { path: '^src/', pathNot: [testFile, '^src/server/'] },
      to: { path: '^src/server/' },
    },
    { name: 'src-never-imports-cli', severity: 'error', from: { path: '^src/' }, to: { path: '^cli/' } },
    { name: 'nothing-shipped-imports-tests', severity: 'error', from: { path: '^(src|cli)/', pathNot: testFile }, to: { path: '^test/' } },
    {
      name: 'production-code-uses-no-dev-package',
      severity: 'error',
      from: { path: '^(src|cli)/', pathNot: testFile },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
