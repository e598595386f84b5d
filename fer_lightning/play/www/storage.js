// Stores only the best scores and whether the tutorial was seen, if the browser allows it.

const KEY = 'best-actor';

/** @typedef {{classic: Record<string, number>, acts: number | null, tutorialSeen: boolean}} Kept */

/** @returns {Kept} */
export function recall() {
  /** @type {Kept} */
  const nothing = {classic: {}, acts: null, tutorialSeen: false};
  try {
    const {classic, acts, tutorialSeen} = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    const scores = Object.entries(classic ?? {}).filter(([, score]) => typeof score === 'number');
    return {
      classic: Object.fromEntries(scores),
      acts: typeof acts === 'number' ? acts : null,
      tutorialSeen: tutorialSeen === true,
    };
  } catch {
    return nothing;
  }
}

/** @param {Partial<Kept>} change */
function keep(change) {
  try {
    localStorage.setItem(KEY, JSON.stringify({...recall(), ...change}));
  } catch {
    // a private window may have no storage; the game works without it
  }
}

export function keepTutorialSeen() {
  keep({tutorialSeen: true});
}

/**
 * @param {string} label
 * @param {number} score
 * @returns {boolean} whether it beats an earlier one
 */
export function keepClassic(label, score) {
  const {classic} = recall();
  const best = classic[label];
  if (best !== undefined && score <= best) return false;
  keep({classic: {...classic, [label]: score}});
  return best !== undefined;
}

/**
 * @param {number} total
 * @returns {boolean} whether it beats an earlier one
 */
export function keepActs(total) {
  const best = recall().acts;
  if (best !== null && total <= best) return false;
  keep({acts: total});
  return best !== null;
}
