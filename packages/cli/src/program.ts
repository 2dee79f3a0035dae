// All commands, with their options and help.
import { Command } from 'commander';
import { StillhouseError, version } from 'stillhouse';
import { addBackend, addDoctor } from './commands/backend.js';
import { addBench } from './commands/bench.js';
import { addBundle } from './commands/bundle.js';
import { addCompare } from './commands/compare.js';
import { addCompletion } from './commands/completion.js';
import { addCompress } from './commands/compress.js';
import { addCoordinator } from './commands/coordinator.js';
import { addData } from './commands/data.js';
import { addEvaluate } from './commands/evaluate.js';
import { addGenerations } from './commands/generations.js';
import { addList } from './commands/ls.js';
import { addLogs } from './commands/logs.js';
import { addPredict } from './commands/predict.js';
import { addReport } from './commands/report.js';
import { addRun } from './commands/run.js';
import { addSchema } from './commands/schema.js';
import { addStatus } from './commands/status.js';
import { addSweep } from './commands/sweep.js';
import { addValidate } from './commands/validate.js';
import { addWorker } from './commands/worker.js';

/** Commander's own words about a wrong option or argument, as any other error is printed. */
function usageText(text: string): string {
  const sentence = text
    .replace(/^error: /, '')
    .trim()
    .replaceAll('\n', ' ')
    .replace(/\.$/, '');
  const { code, message, next } = new StillhouseError('USAGE', sentence);
  return `stillhouse: ${code}: ${message}\n  ${next}\n`;
}

export function createProgram(): Command {
  const program = new Command('stillhouse')
    .description(
      'Train a teacher on many workers, bit-identical for any number of them, and distil it into a small student.',
    )
    .version(version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(usageText(text)) })
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 a bug in stillhouse, 2 input that must be corrected, 3 a problem with this machine or the network,
4 training failed, 130 interrupted. Every error has a code, explained in docs/errors.md.`,
    );
  for (const add of [
    addRun,
    addValidate,
    addCoordinator,
    addWorker,
    addList,
    addStatus,
    addLogs,
    addSweep,
    addGenerations,
    addReport,
    addCompare,
    addCompress,
    addEvaluate,
    addPredict,
    addSchema,
    addData,
    addBackend,
    addBundle,
    addBench,
    addDoctor,
    addCompletion,
  ])
    add(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}
