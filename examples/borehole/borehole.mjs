// The borehole function (Harper and Gupta 1983, in the form and with the ranges of Morris, Mitchell and Ylvisaker
// 1993): cubic metres of water per year that flow from one aquifer to another through a hole drilled through both.

/** Least and greatest value of each input. */
const ranges = {
  rw: [0.05, 0.15], // radius of the borehole, m
  r: [100, 50_000], // radius of influence, m
  Tu: [63_070, 115_600], // transmissivity of the upper aquifer, m²/year
  Hu: [990, 1110], // its potentiometric head, m
  Tl: [63.1, 116], // of the lower aquifer
  Hl: [700, 820],
  L: [1120, 1680], // length of the borehole, m
  Kw: [9855, 12_045], // its hydraulic conductivity, m/year
};

function flow({ rw, r, Tu, Hu, Tl, Hl, L, Kw }) {
  const ratio = Math.log(r / rw);
  return (2 * Math.PI * Tu * (Hu - Hl)) / (ratio * (1 + (2 * L * Tu) / (ratio * rw ** 2 * Kw) + Tu / Tl));
}

/** Numbers in [0, 1) from a linear congruential generator (Knuth's MMIX). */
function numbers(seed) {
  let state = BigInt(seed);
  return () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
    return Number(state >> 11n) / 2 ** 53;
  };
}

/** @param noise deviation of a measurement, as a share of the flow */
function* rows(count, seed, noise) {
  const next = numbers(seed);
  for (let i = 0; i < count; i++) {
    const inputs = Object.fromEntries(
      Object.entries(ranges).map(([name, [low, high]]) => [name, low + (high - low) * next()]),
    );
    const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    yield { ...inputs, flow: flow(inputs) * (1 + noise * normal) };
  }
}

export const simulated = () => rows(20_000, 1, 0.05);
export const measured = () => rows(5_000, 2, 0.2);
export const exact = () => rows(5_000, 3, 0);
