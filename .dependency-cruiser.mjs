// The dependency rules of the house, checked by `npm run rules`.
//
// Type imports count as well (tsPreCompilationDeps): a file that knows another one's types knows that file.
// Where a rule is about what runs, it says so with `dependencyTypesNot: ['type-only']`.

/** No I/O, no clock, no process: what goes in decides what comes out. */
const pure =
  '^src/(affinity/|slots/|native/cbpf[.]ts$|supervisor/(backoff|breaker|health|health-history|memory|recycling|restart-policy|telling-line|worker-phases|worker-state)[.]ts$)'

/** What the package exports (and its command): for others to import, not for the house itself. */
const faces = '^src/(index|broadcast|compat|socket-io|cli)[.]ts$'

/** The one file that imports each third-party package; its types count too. */
const adapters = {
  '@socket.io/cluster-adapter': 'src/socket-io/cluster-adapter.ts',
  '@socket.io/redis-adapter': 'src/socket-io/redis-adapters.ts',
  '@socket.io/redis-streams-adapter': 'src/socket-io/streams-adapter.ts',
  farmhash: 'src/slots/hash.ts',
  ioredis: 'src/redis/client.ts',
  koffi: 'src/native/libc.ts',
  'socket.io': 'src/socket-io/attach.ts',
  ws: 'src/bus/topics.ts',
}

const literal = (text) => text.replaceAll('.', '[.]')

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one concept, or the thing between them has no file yet.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'pure-runs-nothing-else',
      comment: 'The pure parts run no code but their own. The rest of the house may lend them types.',
      severity: 'error',
      from: { path: pure },
      to: { path: '^src/', pathNot: pure, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'pure-knows-no-options',
      comment: 'A pure part owns the type of its settings; options/ imports that type, not the other way round.',
      severity: 'error',
      from: { path: pure },
      to: { path: '^src/options/' },
    },
    {
      name: 'pure-does-nothing',
      comment: 'No I/O, clock or process in the pure parts; module loading in hash.ts gets the native FarmHash.',
      severity: 'error',
      from: { path: pure, pathNot: '^src/slots/hash[.]ts$' },
      to: { dependencyTypes: ['core'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'hash-only-loads',
      comment: 'hash.ts loads the native FarmHash, and that is all it may do.',
      severity: 'error',
      from: { path: '^src/slots/hash[.]ts$' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?module$' },
    },
    {
      name: 'worker-rooms-know-no-primary',
      comment: 'What runs in a worker meets the primary in ipc/ and transport/ only.',
      severity: 'error',
      from: { path: '^src/(worker|serving|sessions)/' },
      to: { path: '^src/(primary|steering|supervisor|service-manager)/' },
    },
    {
      name: 'primary-rooms-know-no-worker',
      comment: 'What runs in the primary meets the worker in ipc/ and transport/ only.',
      severity: 'error',
      from: { path: '^src/(primary|steering|supervisor|service-manager)/' },
      to: { path: '^src/(worker|serving|sessions)/' },
    },
    {
      name: 'broadcasts-know-no-roles',
      comment: 'A bus or an adapter of Socket.IO works over ipc/ and redis/, whatever else the process does.',
      severity: 'error',
      from: { path: '^src/(bus|socket-io|redis)/' },
      to: { path: '^src/(worker|serving|sessions|primary|steering|supervisor|service-manager)/' },
    },
    {
      name: 'steering-does-not-supervise',
      comment: 'Connections and processes are two questions; the balancer puts their answers together.',
      severity: 'error',
      from: { path: '^src/steering/' },
      to: { path: '^src/(supervisor|primary)/' },
    },
    {
      name: 'supervisor-does-not-steer',
      comment: 'Connections and processes are two questions; the balancer puts their answers together.',
      severity: 'error',
      from: { path: '^src/supervisor/' },
      to: { path: '^src/(steering|primary)/' },
    },
    {
      name: 'foundations-know-no-rooms',
      comment: 'What everything stands on imports nothing that stands on it.',
      severity: 'error',
      from: { path: '^src/(async|affinity|slots|native)/' },
      to: {
        path: '^src/',
        pathNot: '^src/((async|affinity|slots|native)/|(errors|logger|world)[.]ts$)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'redis-knows-no-user-of-it',
      comment: 'The connections to Redis are the same for the bus, the adapters and the bridge.',
      severity: 'error',
      from: { path: '^src/redis/' },
      to: { path: '^src/(bus|socket-io)/' },
    },
    ...Object.entries(adapters).map(([name, file]) => ({
      name: `one-adapter-for-${name}`,
      comment: `${file} is the one place that knows ${name}.`,
      severity: 'error',
      from: { path: '^src/', pathNot: `^${literal(file)}$` },
      to: { path: `(^|node_modules/)(@types/)?${literal(name)}(/|$)`, pathNot: '^src/' },
    })),
    {
      name: 'no-package-without-adapter',
      comment: 'A new third-party package needs a line in the table above: one file that knows it.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypesNot: ['core', 'local', 'localmodule'],
        pathNot: ['^src/', `(^|node_modules/)(@types/)?(${Object.keys(adapters).map(literal).join('|')})(/|$)`],
      },
    },
    {
      name: 'faces-are-leaves',
      comment: 'The public faces and the command re-export; whoever needs something imports it where it lives.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: faces },
    },
    {
      name: 'src-stands-alone',
      comment: 'What is published must not need what is not.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|demo)/' },
    },
    {
      name: 'demo-is-a-user',
      comment: 'The demo imports the package by its name, as its readers will.',
      severity: 'error',
      from: { path: '^demo/' },
      to: { path: '^src/', dependencyTypesNot: ['aliased'] },
    },
    {
      name: 'bench-comes-through-the-door',
      comment: 'A benchmark measures what users get; a part alone it may import where it lives.',
      severity: 'error',
      from: { path: '^bench/' },
      to: { path: faces, dependencyTypesNot: ['aliased'] },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nobody imports and that imports nobody is left over.',
      severity: 'error',
      from: { orphan: true, path: '^src/' },
      to: {},
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(build|bench/peers)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
}
