// Starts the command line. Node 22.8 and later keep what they have compiled between processes, also for the workers.
import module from 'node:module';

interface CompileCache {
  readonly enableCompileCache?: () => { readonly directory?: string };
}

const folder = (module as typeof module & CompileCache).enableCompileCache?.().directory;
if (folder !== undefined) process.env['NODE_COMPILE_CACHE'] ??= folder;
await import('./command-line.js');
