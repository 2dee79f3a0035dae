// Checks the doors of the packages, as they were built: lists names that a door exports but nothing needs, and types
// that a public declaration mentions but no door exports. `node scripts/doors.mjs [--check]`: with --check the exit
// code tells.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import ts from 'typescript';
import { root } from './test-results.mjs';

/** The packages with the declarations of their doors, by what these are imported as. */
const packages = readdirSync(join(root, 'packages')).map((folder) => {
  const path = join(root, 'packages', folder);
  const { name, exports, dependencies = {} } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
  const doors = Object.entries(exports).map(([door, { types }]) => [`${name}${door.slice(1)}`, join(path, types)]);
  return { name, path: path + sep, dependencies, doors: new Map(doors) };
});
const declarations = new Map(packages.flatMap(({ doors }) => [...doors]));

/** Follows imports between our own files only: nothing here depends on what others declare. */
function resolveOwn(specifier, importer) {
  const file = specifier.startsWith('.')
    ? join(dirname(importer), specifier.replace(/\.js$/, '.d.ts'))
    : declarations.get(specifier);
  return { resolvedModule: file && { resolvedFileName: file, extension: ts.Extension.Dts } };
}
const options = { noLib: true, types: [], module: ts.ModuleKind.ESNext };
const program = ts.createProgram([...declarations.values()], options, {
  ...ts.createCompilerHost(options),
  resolveModuleNameLiterals: (names, importer) => names.map(({ text }) => resolveOwn(text, importer)),
});
const checker = program.getTypeChecker();

const resolved = (symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);

function namesOf(door) {
  const symbol = checker.getSymbolAtLocation(program.getSourceFile(door));
  return symbol ? checker.getExportsOfModule(symbol) : [];
}

const textOf = (path) => readFileSync(path, 'utf8');
const tracked = (...paths) =>
  execFileSync('git', ['ls-files', ...paths], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(root, path)))
    .map((path) => join(root, path));

/** By door and name, the files that import it. Tests make do with what others need. */
const users = new Map();
const importOfNames = /\{([^{}]*)\}\s*(?:from\s+|=\s+await import\()'([^']+)'/g;
for (const path of tracked('packages', 'bench', 'examples', 'scripts')) {
  if (!/\.(ts|mjs)$/.test(path) || path.includes('.test.')) continue;
  for (const [, names, door] of textOf(path).matchAll(importOfNames)) {
    if (!declarations.has(door)) continue;
    for (const [, name] of names.matchAll(/(?:^|,)\s*(?:type )?(\w+)/g)) {
      const key = `${door} ${name}`;
      users.set(key, [...(users.get(key) ?? []), path]);
    }
  }
}

/** Code in what users read: fenced blocks, and words in backticks. */
const documented = new Set(
  tracked('README.md', 'docs/*.md', 'packages/*/README.md')
    .filter((path) => !path.includes(`${sep}adr${sep}`))
    .flatMap((path) => textOf(path).match(/^```[\s\S]*?^```|`[^`\n]+`/gm) ?? [])
    .flatMap((code) => code.match(/\w+/g) ?? []),
);

const ours = ({ declarations: found }) =>
  packages.find(({ path }) => found?.[0].getSourceFile().fileName.startsWith(path));

/** Our own types that the declaration of a symbol mentions. */
function mentionedBy(symbol) {
  const found = new Set();
  const visit = (node) => {
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : ts.isImportTypeNode(node)
          ? node.qualifier
          : undefined;
    const type = name && checker.getSymbolAtLocation(name);
    if (type && !(resolved(type).flags & ts.SymbolFlags.TypeParameter) && ours(resolved(type)))
      found.add(resolved(type));
    ts.forEachChild(node, visit);
  };
  for (const declaration of symbol.declarations ?? []) visit(declaration);
  return found;
}

let problems = 0;
function report(text) {
  console.log(`  ${text}`);
  problems += 1;
}

for (const { name: packageName, path, dependencies, doors } of packages) {
  const exported = new Set([...doors.values()].flatMap(namesOf).map(resolved));
  const mentions = new Map();
  for (const symbol of exported)
    for (const type of mentionedBy(symbol)) mentions.set(type, [...(mentions.get(type) ?? []), symbol.name]);

  for (const [door, file] of doors) {
    const names = namesOf(file);
    console.log(`${door}: ${names.length} names`);
    for (const symbol of names) {
      const isUsed = users.get(`${door} ${symbol.name}`)?.some((user) => !user.startsWith(path));
      if (!isUsed && !mentions.has(resolved(symbol)) && !documented.has(symbol.name))
        report(`${symbol.name}: nothing but tests needs it`);
    }
  }

  // The packages that a package depends on have doors of their own; users of `stillhouse` know only its own.
  const isElsewhere = (type) => packageName !== 'stillhouse' && Object.hasOwn(dependencies, ours(type).name);
  // A member of an exported namespace is exported, too.
  const isExported = (node) => exported.has(checker.getSymbolAtLocation(node.name ?? node));
  for (const [type, by] of mentions)
    if (!isElsewhere(type) && !type.declarations.some((each) => ts.findAncestor(each, isExported)))
      report(`${type.name} of ${ours(type).name}: mentioned by ${by.join(', ')}, but not exported`);
}
if (process.argv.includes('--check') && problems > 0) process.exitCode = 1;
