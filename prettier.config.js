// The plugin parses in less processor time than Prettier's own parsers.
export default { printWidth: 120, singleQuote: true, plugins: ['@prettier/plugin-oxc'] };
