// An engine's packages are in the cache, away from their dependencies. They use this process's, so there is only one
// TFJS.
import Module, { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

type Resolver = (request: string, parent: { filename?: string } | undefined, ...rest: unknown[]) => string;

/** From now on, packages that files below `folder` require by name are resolved as if they were required here. */
export function lendDependencies(folder: string): void {
  const loader = Module as unknown as { _resolveFilename: Resolver };
  const original = loader._resolveFilename;
  loader._resolveFilename = function (request, parent, ...rest) {
    const isForeign = parent?.filename?.startsWith(folder) && /^[@\w]/.test(request) && !Module.isBuiltin(request);
    return isForeign ? require.resolve(request) : original.call(this, request, parent, ...rest);
  };
}
