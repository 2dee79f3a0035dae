// The command line. A user's error prints a code, a sentence and what to do next; a bug prints a stack.
import { CommanderError } from 'commander';
import { exitCodes, StillhouseError, withoutRefusal } from 'stillhouse';
import { createProgram } from './program.js';
import { watchStreams } from './streams.js';
import { reportLine } from './terminal.js';

function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCodes.ok : exitCodes.input;
  const error = withoutRefusal(thrown);
  if (error instanceof StillhouseError) {
    reportLine(
      `stillhouse: ${error.code}: ${error.message}\n  ` +
        `${error.next}${error.remoteStack === undefined ? '' : `\n${error.remoteStack}`}`,
    );
    return error.exitCode;
  }
  reportLine(`stillhouse: a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return exitCodes.bug;
}

// A process whose results are no longer read has nothing left to do.
watchStreams((error) => process.exit(error ? exitCodeOf(error) : exitCodes.ok));
try {
  await createProgram().parseAsync();
  process.exitCode = exitCodes.ok;
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
// What was printed into a pipe may not have arrived yet.
await Promise.all(
  [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))),
);
// Open sockets of a failed run must not keep the process alive.
process.exit();
