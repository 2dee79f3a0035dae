// Packages of an engine lie in the cache, away from their dependencies: they get this process's, so that there is one TFJS.
import Module, { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

type Resolver = (request: string, parent: { filename?: string } | undefined, ...rest: unknown[]) => string;

/** From now on, what files below `folder` require by name is resolved as if it were required here. */
export function lendDependencies(folder: string): void {
  const loader = Module as unknown as { _resolveFilename: Resolver };
  const original = loader._resolveFilename;
  loader._resolveFilename = function (request, parent, ...rest) {
    const isForeign = parent?.filename?.startsWith(folder) && /^[@\w]/.test(request) && !Module.isBuiltin(request);
    return isForeign ? require.resolve(request) : original.call(this, request, parent, ...rest);
  };
}
