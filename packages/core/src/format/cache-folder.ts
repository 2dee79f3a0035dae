// The folder for what was downloaded or built.

export type Env = Readonly<Record<string, string | undefined>>;

/** STILLHOUSE_CACHE, or else stillhouse in the user's cache folder. */
export function cacheFolder(env: Env, homeFolder: string): string {
  return env['STILLHOUSE_CACHE'] ?? `${env['XDG_CACHE_HOME'] ?? `${homeFolder}/.cache`}/stillhouse`;
}
