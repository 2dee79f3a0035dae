// The system's tools that an install needs, and what to do if one is missing.
import { spawnSync, type SpawnSyncOptions, type SpawnSyncReturns } from 'node:child_process';
import { StillhouseError } from '@stillhouse/core';

/** Reports what is being done. */
export type Progress = (text: string) => void;

interface Tool {
  readonly names: readonly string[];
  readonly what: string;
  /** Packages by system. */
  readonly install: string;
}

const tools = {
  python: {
    names: ['python3', 'python'],
    what: 'Python with pip',
    install:
      'Debian/Ubuntu: apt install python3-pip; Fedora: dnf install python3-pip; macOS: brew install python. Or ' +
      'give a wheel with --from PATH.',
  },
  compiler: {
    names: ['g++', 'clang++', 'c++'],
    what: 'a C++ compiler',
    install: 'Debian/Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install.',
  },
  npm: {
    names: ['npm'],
    what: 'npm',
    install: 'npm comes with Node.js; or install @tensorflow/tfjs-node-gpu next to stillhouse with --ignore-scripts.',
  },
} as const satisfies Record<string, Tool>;

export function run(
  command: string,
  args: readonly string[],
  options: Pick<SpawnSyncOptions, 'cwd' | 'env' | 'stdio' | 'timeout'> = {},
): SpawnSyncReturns<string> {
  return spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26, ...options });
}

/** What a terminal sends to all of its programs, and what programs exit with that heed it. */
const interruptions: readonly unknown[] = ['SIGINT', 'SIGHUP', 128 + 2, 128 + 1];

/**
 * Runs a step of an installation.
 * @throws StillhouseError INTERRUPTED if a terminal ended it
 */
export function runStep(...step: Parameters<typeof run>): SpawnSyncReturns<string> {
  const result = run(...step);
  const { signal, status, stderr } = result;
  // pip exits as after any error.
  const isCancelled = status !== 0 && stderr?.includes('Operation cancelled by user');
  if (isCancelled || interruptions.includes(signal) || interruptions.includes(status))
    throw new StillhouseError('INTERRUPTED', 'the installation was interrupted', {
      next: 'Run it again: nothing was installed.',
    });
  return result;
}

/**
 * The command of a tool.
 * @param override a command to use instead, such as the value of CXX
 * @throws StillhouseError BACKEND_TOOL, naming what to install
 */
export function findTool(name: keyof typeof tools, override?: string): string {
  const { names, what } = tools[name];
  const found = (override ? [override] : names).find((candidate) => run(candidate, ['--version']).status === 0);
  if (found) return found;
  throw missingTool(name, `${what} is missing (looked for ${(override ? [override] : names).join(', ')})`);
}

export const missingTool = (name: keyof typeof tools, message: string): StillhouseError =>
  new StillhouseError('BACKEND_TOOL', message, { next: tools[name].install });
