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
