// Checks the doors of the packages: lists names that a door exports but nothing outside imports, and types that a
// public declaration mentions but no door exports. `node scripts/doors.mjs [--check]`: with --check the exit
// code tells.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execFileSync } from 'node:child_process';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const isCode = (path) => /\.(ts|mjs)$/.test(path) && !path.includes(`${sep}assembly${sep}`);
const tracked = execFileSync('git', ['ls-files', 'packages', 'test', 'bench', 'docs', 'examples', 'scripts'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .map((path) => join(root, path))
  .filter((path) => isCode(path) && existsSync(path));

/** The packages with their doors, which their exports name. */
const packages = readdirSync(join(root, 'packages')).map((name) => {
  const folder = join(root, 'packages', name);
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return { folder, doors: Object.values(exports).map((door) => join(folder, door['@stillhouse/source'])) };
});

const { options } = ts.convertCompilerOptionsFromJson(
  ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile).config.compilerOptions,
  root,
);
const program = ts.createProgram(tracked, {
  ...options,
  noEmit: true,
  allowJs: true,
  customConditions: ['@stillhouse/source'],
});
const checker = program.getTypeChecker();

const resolved = (symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol);
const isInside = (folder, path) => path.startsWith(folder + sep);

/** What documentation shows is for users. */
const docs = readdirSync(join(root, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => readFileSync(join(root, 'docs', name), 'utf8'))
  .join('\n');
const isDocumented = (name) => new RegExp(`\\b${name}\\b`).test(docs);

function namesOf(door) {
  const source = program.getSourceFile(door);
  const symbol = source && checker.getSymbolAtLocation(source);
  return symbol ? checker.getExportsOfModule(symbol) : [];
}
const publicNames = new Set(packages.flatMap(({ doors }) => doors.flatMap(namesOf)).map(({ name }) => name));

/** The files that name a public symbol. */
const users = new Map();
function addUser(symbol, file) {
  if (!symbol) return;
  const files = users.get(resolved(symbol)) ?? new Set();
  users.set(resolved(symbol), files.add(file.fileName));
}
for (const file of tracked.map((path) => program.getSourceFile(path))) {
  const visit = (node) => {
    if (ts.isIdentifier(node) && publicNames.has(node.text)) {
      addUser(checker.getSymbolAtLocation(node), file);
      // const { name } = await import('…')
      if (ts.isBindingElement(node.parent))
        addUser(checker.getTypeAtLocation(node.parent.parent).getProperty(node.text), file);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
}
const isUsedOutside = (folder, symbol) => [...(users.get(symbol) ?? [])].some((file) => !isInside(folder, file));

/**
 * Types of the package's own that the declaration of a public symbol mentions; bodies of functions are not part of it.
 */
function mentionedBy(symbol, folder) {
  const found = new Set();
  const visit = (node) => {
    if (ts.isBlock(node) || ts.isPrivateIdentifier(node.name ?? node)) return;
    const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : [];
    if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)) return;
    if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
      const name = ts.isTypeReferenceNode(node) ? node.typeName : node.expression;
      const type = checker.getSymbolAtLocation(name);
      if (type && !(resolved(type).flags & ts.SymbolFlags.TypeParameter)) found.add(resolved(type));
    }
    // Of a value only its type is public, not how it comes about.
    if (ts.isVariableDeclaration(node) && node.initializer) {
      if (node.type) visit(node.type);
      else if (ts.isArrowFunction(node.initializer)) {
        node.initializer.parameters.forEach(visit);
        if (node.initializer.type) visit(node.initializer.type);
      }
      return;
    }
    ts.forEachChild(node, visit);
  };
  for (const declaration of symbol.declarations ?? []) visit(declaration);
  return [...found].filter(({ declarations }) =>
    declarations?.some((each) => isInside(join(folder, 'src'), each.getSourceFile().fileName)),
  );
}

let problems = 0;
for (const { folder, doors } of packages) {
  const exported = new Set(doors.flatMap(namesOf).map(resolved));
  const mentions = new Map();
  for (const symbol of exported)
    for (const type of mentionedBy(symbol, folder)) mentions.set(type, [...(mentions.get(type) ?? []), symbol.name]);
  for (const door of doors) {
    const names = namesOf(door);
    console.log(`${relative(root, door)}: ${names.length} names`);
    for (const each of names) {
      if (isUsedOutside(folder, resolved(each)) || mentions.has(resolved(each)) || isDocumented(each.name)) continue;
      console.log(`  ${each.name}: nothing outside imports it`);
      problems += 1;
    }
  }
  for (const [type, by] of mentions) {
    // A member of an exported namespace is exported, too.
    const isExported = (node) => exported.has(checker.getSymbolAtLocation(node.name ?? node));
    if (type.declarations.some((each) => ts.findAncestor(each, isExported))) continue;
    console.log(`  ${type.name}: mentioned by ${by.join(', ')}, but not exported`);
    problems += 1;
  }
}
if (process.argv.includes('--check') && problems > 0) process.exitCode = 1;
