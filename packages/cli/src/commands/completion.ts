// stillhouse completion: what a shell needs to complete commands and options.
import { Argument, type Command } from 'commander';
import { completionScript, shells, type Shell } from '../completion.js';
import { printLine } from '../terminal.js';

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('Print a script with which a shell completes commands, options and their values.')
    .addArgument(new Argument('<shell>', 'shell that reads the script').choices(shells))
    .addHelpText(
      'after',
      `
Examples:
  source <(stillhouse completion bash)                               (in ~/.bashrc)
  source <(stillhouse completion zsh)                                (in ~/.zshrc)
  stillhouse completion fish > ~/.config/fish/completions/stillhouse.fish`,
    )
    .action((shell: Shell) => printLine(completionScript(program, shell).trimEnd()));
}
