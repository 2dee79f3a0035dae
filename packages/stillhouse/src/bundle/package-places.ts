// Where packages go in a folder of their own, so that each finds what it needs as it does now.

/** What a package.json says that matters here. */
export interface PackageManifest {
  readonly dependencies?: Readonly<Record<string, string>> | undefined;
  readonly optionalDependencies?: Readonly<Record<string, string>> | undefined;
  readonly peerDependencies?: Readonly<Record<string, string>> | undefined;
}

export interface InstalledPackages {
  manifestOf(folder: string): PackageManifest;
  /** The folder of the package that files in `from` get under this name; undefined if it is not installed. */
  find(from: string, name: string): string | undefined;
}

const placeBelow = (place: string, name: string): string => `${place}${place === '' ? '' : '/'}node_modules/${name}`;

/** The places at which a package at `place` looks for others, nearest first; '' is the top. */
function* scopesOf(place: string): Generator<string> {
  for (let at = place; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) yield at;
  yield '';
}

/**
 * A package and all that it needs at run time. What is not installed, such as builds for other platforms, is left out.
 * @returns the folder of each by its place, for example node_modules/a/node_modules/b
 */
export function packagePlaces(name: string, folder: string, installed: InstalledPackages): Map<string, string> {
  const places = new Map([[placeBelow('', name), folder]]);
  // Those that are added here are visited as well.
  for (const [place, from] of places) {
    const { dependencies, optionalDependencies, peerDependencies } = installed.manifestOf(from);
    for (const needed of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const found = installed.find(from, needed);
      if (found === undefined) continue;
      const present = [...scopesOf(place)].map((scope) => places.get(placeBelow(scope, needed))).find(Boolean);
      if (present === undefined) places.set(placeBelow('', needed), found);
      else if (present !== found) places.set(placeBelow(place, needed), found);
    }
  }
  return places;
}
