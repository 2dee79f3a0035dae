// Completion scripts for shells, from the declarations of commands, options and choices.
import type { Command, Option } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

interface Spelling {
  /** Such as --backend, or -V. */
  readonly flags: readonly string[];
  readonly about: string;
  /** Undefined if it takes no value; empty if any. */
  readonly values: readonly string[] | undefined;
}

interface Place {
  /** Names of the commands that lead here, without the program's. */
  readonly path: readonly string[];
  readonly commands: readonly { readonly name: string; readonly about: string }[];
  readonly options: readonly Spelling[];
  /** Choices of its arguments. */
  readonly choices: readonly string[];
  readonly takesArguments: boolean;
}

const spellingOf = (option: Option): Spelling => ({
  flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
  about: option.description,
  values: option.required || option.optional ? (option.argChoices ?? []) : undefined,
});

/** The program and all commands below it. */
export function placesOf(command: Command, path: readonly string[] = []): Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const own: Place = {
    path,
    commands: commands.map((each) => ({ name: each.name(), about: each.description() })),
    options: help.visibleOptions(command).map(spellingOf),
    choices: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    takesArguments: command.registeredArguments.length > 0,
  };
  return [
    own,
    ...commands.filter((each) => each.name() !== 'help').flatMap((each) => placesOf(each, [...path, each.name()])),
  ];
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const keyOf = (path: readonly string[]): string => path.map((name) => ` ${name}`).join('');

/** zsh understands bash's scripts with bashcompinit. */
function bashScript(places: readonly Place[], name: string): string {
  const known = places.filter(({ path }) => path.length > 0).map(({ path }) => `"${keyOf(path)}"`);
  const values = places.flatMap(({ path, options }) =>
    options.flatMap((option) =>
      option.values === undefined
        ? []
        : [
            `    ${option.flags.map((flag) => `"${keyOf(path)}:${flag}"`).join('|')}) ` +
              `${option.values.length ? `words=${quoted(option.values.join(' '))}` : 'files=1'}; only=1 ;;`,
          ],
    ),
  );
  const words = places.map(({ path, commands, options, choices, takesArguments }) => {
    const flags = options.flatMap((option) => option.flags.filter((flag) => flag.startsWith('--')));
    const first = [...commands.map((each) => each.name), ...choices];
    const files = takesArguments && choices.length === 0 ? ' files=1' : '';
    return `    "${keyOf(path)}") words=${quoted(first.join(' '))} flags=${quoted(flags.join(' '))}${files} ;;`;
  });
  return `_${name}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}"
  local path='' words='' flags='' files='' only='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
    ${known.join('|')}) path="$path \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path:$prev" in
${values.join('\n')}
  esac
  if [ -z "$only" ]; then
    case "$path" in
${words.join('\n')}
    esac
    case "$cur" in -*) words="$flags"; files='' ;; esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [ -n "$files" ]; then COMPREPLY+=($(compgen -f -- "$cur")); fi
}
complete -o filenames -F _${name} ${name}
`;
}

function fishScript(places: readonly Place[], name: string): string {
  const top = places.filter(({ path }) => path.length === 1).map(({ path }) => path[0]);
  const below = (path: readonly string[], commands: Place['commands']): string => {
    const seen = path.map((each) => `__fish_seen_subcommand_from ${each}`);
    const next = path.length === 0 ? top : commands.map((each) => each.name);
    return quoted(
      [...seen, ...(next.length ? [`not __fish_seen_subcommand_from ${next.join(' ')}`] : [])].join('; and ') || 'true',
    );
  };
  return places
    .flatMap(({ path, commands, options, choices }) => {
      const where = `complete -c ${name} -n ${below(path, commands)}`;
      const words = [...commands, ...choices.map((choice) => ({ name: choice, about: '' }))];
      return [
        ...words.map((word) => `${where} -f -a ${quoted(word.name)} -d ${quoted(word.about)}`),
        ...options.map(({ flags, about, values }) => {
          const spelt = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
          const value = values === undefined ? '' : values.length ? ` -x -a ${quoted(values.join(' '))}` : ' -r';
          return `${where} ${spelt.join(' ')}${value} -d ${quoted(about)}`;
        }),
      ];
    })
    .map((line) => `${line}\n`)
    .join('');
}

/** @returns the script that a shell reads */
export function completionScript(program: Command, shell: Shell): string {
  const places = placesOf(program);
  const name = program.name();
  switch (shell) {
    case 'bash':
      return bashScript(places, name);
    case 'zsh': {
      const modules = ['compinit', 'bashcompinit'].map((each) => `autoload -U +X ${each} && ${each}\n`);
      return `${modules.join('')}${bashScript(places, name)}`;
    }
    case 'fish':
      return fishScript(places, name);
  }
}
