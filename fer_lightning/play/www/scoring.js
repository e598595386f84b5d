// Scores a picture, a burst of frames or a whole round. Pure functions of the faces that were read.

/** @typedef {import('./reading.js').Face} Face */

/**
 * @typedef {object} ScoreTable score_table.json of a bundle
 * @property {string} made_of which faces
 * @property {Record<string, {faces: number, quantiles: number[]}>} labels for each label, the quantiles of its
 *     probability on the faces of that label, from the lowest to the highest in equal steps
 */

/**
 * @typedef {object} Hit a picture that counts
 * @property {true} ok
 * @property {number} score probability of the requested expression, 0..1
 * @property {Face} face
 * @property {number} others faces in view besides it
 * @property {number} frame its place in the burst, 0 for a single picture
 */

/**
 * @typedef {object} Miss
 * @property {false} ok
 * @property {'no-face' | 'lost-face'} why
 */

/** @typedef {Hit | Miss} Outcome */

export const RUN = 3; // frames in a row that decide a burst

/**
 * @param {Face[]} faces the largest first
 * @param {number} target index of the requested expression
 * @returns {Outcome}
 */
export function scorePicture(faces, target) {
  if (faces.length === 0) return {ok: false, why: 'no-face'};
  return {ok: true, score: faces[0].probabilities[target], face: faces[0], others: faces.length - 1, frame: 0};
}

/**
 * The best run of three consecutive frames. It scores as much as its middle one, so that one lucky frame cannot win.
 * @param {Face[][]} frames the faces of each
 * @param {number} target index of the requested expression
 * @returns {Outcome}
 */
export function scoreBurst(frames, target) {
  const scored = frames.map((faces, frame) => ({...scorePicture(faces, target), frame}));
  /** @type {Hit | null} */
  let best = null;
  for (let first = 0; first + RUN <= scored.length; first += 1) {
    const run = scored.slice(first, first + RUN);
    if (!run.every(isHit)) continue;
    const middle = run.sort((one, other) => one.score - other.score)[(RUN - 1) / 2];
    if (best === null || middle.score > best.score) best = middle;
  }
  if (best !== null) return best;
  return {ok: false, why: scored.some((each) => each.ok) ? 'lost-face' : 'no-face'};
}

/**
 * @param {Outcome} outcome
 * @returns {outcome is Hit}
 */
function isHit(outcome) {
  return outcome.ok;
}

/**
 * @param {ScoreTable | null} table
 * @param {string} label
 * @param {number} score
 * @returns {number | null} whole per cent of the faces of that label that score lower; null without a table
 */
export function percentile(table, label, score) {
  const quantiles = table?.labels[label]?.quantiles;
  if (!quantiles || quantiles.length < 2) return null;
  const above = quantiles.findIndex((quantile) => quantile >= score);
  if (above === 0) return 0;
  if (above === -1) return 100;
  const [low, high] = [quantiles[above - 1], quantiles[above]];
  const steps = above - 1 + (score - low) / (high - low);
  return Math.floor((100 * steps) / (quantiles.length - 1));
}

/**
 * @param {number} score 0..1
 * @returns {string} points of 100
 */
export function points(score) {
  return (100 * score).toFixed(2);
}

/**
 * @param {{target: number, score: number}[]} acts
 * @returns {{total: number, best: number}} the sum of the scores, and the place of the best act
 */
export function curtainCall(acts) {
  const scores = acts.map((act) => act.score);
  return {total: scores.reduce((sum, score) => sum + score, 0), best: scores.indexOf(Math.max(...scores))};
}

/**
 * @param {number} count
 * @param {number[]} from what to draw from
 * @param {() => number} random 0..1, 1 excluded
 * @returns {number[]} that many, all different
 */
export function draw(count, from, random) {
  const left = [...from];
  return Array.from({length: count}, () => left.splice(Math.floor(random() * left.length), 1)[0]);
}
