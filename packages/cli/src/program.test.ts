import { expect, test } from 'vitest';
import type { Command } from 'commander';
import { createProgram } from './program.js';

const helpOf = (command: Command): string => {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return text;
};
/** Commands that do something, with those that a command such as `data` only groups. */
const commands = createProgram().commands.flatMap((command) => (command.commands.length ? command.commands : command));

test.each(commands.map((command) => [`${command.parent!.name()} ${command.name()}`, command] as const))(
  'the help of `%s` says what it is for, and shows an example',
  (_, command) => {
    expect(command.description()).toMatch(/^[a-z].{20}/i);
    expect(helpOf(command)).toMatch(/\nExamples?:\n/);
  },
);

test('the program’s help lists the commands and the exit codes', () => {
  const help = helpOf(createProgram());
  for (const command of createProgram().commands) expect(help).toContain(`\n  ${command.name()} `);
  expect(help).toMatch(/Exit codes: 0 done/);
});

test.each([
  [['lss'], "unknown command 'lss' (Did you mean ls?)"],
  [['run', 'a.yaml', '--workrs', '2'], "unknown option '--workrs' (Did you mean --workers?)"],
  [['run', 'a.yaml', '--workers', 'x'], /option '--workers <count>' argument 'x' is invalid\. It must be .*[^.]$/],
  [['data', 'fetch'], /missing required argument/],
  [['ls', 'a', 'b'], /too many arguments/],
])('a command line that is not understood is an error with a code: %j', async (args, sentence) => {
  let text = '';
  const program = createProgram();
  const output = { writeErr: (part: string) => (text += part) };
  for (const command of [program, ...program.commands.flatMap((each) => [each, ...each.commands])])
    command.exitOverride().configureOutput(output);
  await expect(program.parseAsync(args, { from: 'user' })).rejects.toThrow();
  const [first, next] = text.trimEnd().split('\n');
  expect(first.replace(/^stillhouse: USAGE: /, '')).toMatch(sentence);
  expect(first).toMatch(/^stillhouse: USAGE: /);
  expect(next).toBe('  Run the command with --help for its options and examples.');
});
