// The house rules of ARCHITECTURE.md: imports point one way. A folder may import only what its row lists.
const may = {
  protocol: [],
  limits: ['protocol'],
  system: ['protocol'],
  crypto: ['protocol'],
  telemetry: ['protocol', 'limits'],
  config: ['protocol', 'limits'],
  log: ['protocol', 'system', 'telemetry'],
  presence: ['protocol'],
  delivery: ['protocol', 'log', 'telemetry'],
  actors: ['protocol', 'limits', 'log', 'delivery', 'presence', 'telemetry'],
  projections: ['protocol', 'log', 'telemetry'],
  gateway: ['protocol', 'limits', 'actors', 'delivery', 'telemetry', 'config'],
  'gateway-workers': ['protocol', 'limits', 'system', 'crypto', 'actors', 'telemetry', 'config', 'gateway'],
  client: ['protocol', 'crypto'],
};
const testFile = '\\.test\\.ts$';
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(may).map(([folder, allowed]) => ({
      name: `layer-${folder}`,
      severity: 'error',
      from: { path: `^src/${folder}/`, pathNot: testFile },
      to: { path: '^(src|cli)/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
    })),
    {
      name: 'protocol-runs-in-a-browser',
      severity: 'error',
      from: { path: '^src/protocol/', pathNot: testFile },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'protocol-packages',
      severity: 'error',
      from: { path: '^src/protocol/', pathNot: testFile },
      to: { path: 'node_modules', pathNot: 'node_modules/(@noble|typebox)/' },
    },
    {
      name: 'only-the-composition-root-wires',
      severity: 'error',
      from: { path: '^src/', pathNot: `(${testFile}|^src/server\\.ts$)` },
      to: { path: '^src/server\\.ts$' },
    },
    { name: 'src-never-imports-cli', severity: 'error', from: { path: '^src/' }, to: { path: '^cli/' } },
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
