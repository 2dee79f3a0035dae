// An engine's packages are in the cache, away from their dependencies. They use this process's, so there is only one
// TFJS.
import { realpathSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { sep } from 'node:path';

const require = createRequire(import.meta.url);

type Resolver = (request: string, parent: { filename?: string } | undefined, ...rest: unknown[]) => string;

/** From now on, packages that files below `folder` require by name are resolved as if they were required here. */
export function lendDependencies(folder: string): void {
  // Node names a module by its real path, unless it is asked to keep links.
  const roots = [folder, realpathSync(folder)].map((path) => `${path}${sep}`);
  const loader = Module as unknown as { _resolveFilename: Resolver };
  const original = loader._resolveFilename;
  loader._resolveFilename = function (request, parent, ...rest) {
    const { filename } = parent ?? {};
    const isForeign =
      filename !== undefined &&
      roots.some((root) => filename.startsWith(root)) &&
      /^[@\w]/.test(request) &&
      !Module.isBuiltin(request);
    return isForeign ? require.resolve(request) : original.call(this, request, parent, ...rest);
  };
}
