// What npm would publish is well-formed: publint on the manifest and files, are-the-types-wrong on the types. And the
// manifests agree with each other.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { disagreements } from './manifests.mjs';
import { root } from './test-results.mjs';

/** Packages are ES modules, and their doors are in `exports`: other ways to resolve them are not promised. */
const isPromised = ({ resolutionKind, resolutionOption }) =>
  !['node10', 'node16-cjs'].includes(resolutionKind ?? resolutionOption);

async function faultsOf(tarball) {
  const { messages, pkg } = await publint({ pack: { tarball: tarball.buffer }, strict: true, pkgDir: 'package' });
  const { types, problems = [] } = await checkPackage(createPackageFromTarballData(tarball));
  return [
    ...messages.filter(({ type }) => type !== 'suggestion').map((message) => formatMessage(message, pkg)),
    ...(types ? [] : ['it has no types']),
    ...problems.filter(isPromised).map((problem) => JSON.stringify(problem)),
  ];
}

function report(fault) {
  console.error(fault);
  process.exitCode = 1;
}

for (const fault of disagreements()) report(fault);
const folder = mkdtempSync(join(tmpdir(), 'stillhouse-packages-'));
try {
  const pack = ['pack', '--workspaces', '--ignore-scripts', '--json', '--pack-destination', folder];
  const packed = JSON.parse(
    execFileSync('npm', pack, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  const published = packed.filter(({ name }) => name !== '@stillhouse/test');
  if (published.length !== readdirSync(join(root, 'packages')).length) throw new Error('npm packed other packages');
  for (const { name, filename } of published) {
    const faults = await faultsOf(Uint8Array.from(readFileSync(join(folder, filename))));
    for (const fault of faults) report(`${name}: ${fault}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
