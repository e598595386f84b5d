// Finds the faces of a picture: a port of fer_lightning/inference/face_detection.py and confirmed_faces.py, whose comments give the reasons.

import {INPUT, regions, square} from './regions.js';

/** @typedef {import('./picture.js').Box} Box */
/** @typedef {import('./picture.js').Picture} Picture */

/**
 * @typedef {object} Detection
 * @property {Box} box may reach beyond the picture
 * @property {number} score the detector's, 0..1
 * @property {[[number, number], [number, number]]} eyes the one on the left of the picture, and the other
 */

/**
 * @callback Network BlazeFace for short range
 * @param {Float32Array} input [128, 128, 3], -1..1
 * @returns {Promise<{boxes: Float32Array, logits: Float32Array}>} [896, 16] and [896]
 */

const ANCHOR_GRIDS = [
  [16, 2],
  [8, 6],
]; // cells a side, anchors in each
const MIN_SCORE = 0.7;
const MOST_TILT = 60; // degrees
const AGAIN_SCORE = 0.6;
const FRAMINGS = [2.0, 3.5]; // sides of the squares in which a face has to be found again, in boxes
const SAME_FACE = 0.4; // two boxes are the same face if they share at least this part of the smaller one
// the longer side of the picture divided by the side of its smallest tiles, with and without smallFaces
const FINEST = 8;
const COARSE = 2;

const {fround} = Math; // NumPy computes these in float32
const SCALED = Float32Array.from({length: 256}, (_, value) => fround(value / 127.5) - 1);

/** The centres that the network's answers count from, x and y in fractions of its input: [896, 2]. */
export const ANCHORS = makeAnchors();

/** @returns {Float32Array} */
function makeAnchors() {
  const values = [];
  for (const [cells, count] of ANCHOR_GRIDS) {
    for (let cell = 0; cell < cells * cells; cell += 1) {
      const x = ((cell % cells) + 0.5) / cells;
      const y = (Math.floor(cell / cells) + 0.5) / cells;
      for (let copy = 0; copy < count; copy += 1) values.push(x, y);
    }
  }
  return Float32Array.from(values);
}

/**
 * The faces of an RGB picture, the largest first.
 * @param {Network} network
 * @param {Picture} picture
 * @param {{smallFaces?: boolean, known?: Box[]}} [options] smallFaces looks for faces down to a fiftieth of the
 *     picture's longer side, not down to a tenth only; known are boxes where faces of any size may be
 * @returns {Promise<Detection[]>}
 */
export async function detect(network, picture, {smallFaces = false, known = []} = {}) {
  const found = [];
  for (const [left, top, side] of regions(picture.width, picture.height, smallFaces ? FINEST : COARSE)) {
    found.push(...(await look(network, picture, left, top, side, MIN_SCORE)));
  }
  found.sort((one, other) => other.score - one.score);
  return confirm(network, picture, [...known, ...found.map((face) => face.box)]);
}

/**
 * The faces that are still at or near their last position, for frames between two full searches.
 * @param {Network} network
 * @param {Picture} picture
 * @param {Box[]} candidates
 * @returns {Promise<Detection[]>} the largest first
 */
export async function confirm(network, picture, candidates) {
  /** @type {Detection[]} */
  const kept = [];
  const isNew = (/** @type {Box} */ box) => kept.every((other) => overlap(box, other.box) < SAME_FACE);
  for (const candidate of candidates) {
    if (!isNew(candidate)) continue;
    const face = await lookAgain(network, picture, candidate);
    if (face !== null && isNew(face.box)) kept.push(face);
  }
  const width = (/** @type {Detection} */ {box}) => box[2] - box[0];
  return kept.sort((one, other) => width(other) - width(one) || one.box[0] - other.box[0]);
}

/**
 * @param {Network} network
 * @param {Picture} picture
 * @param {Box} box
 * @returns {Promise<Detection | null>} the face as found in the closer square, if it is found in the wider one too
 */
async function lookAgain(network, picture, box) {
  const centreX = (box[0] + box[2]) / 2;
  const centreY = (box[1] + box[3]) / 2;
  const size = Math.max(box[2] - box[0], box[3] - box[1]);
  const seen = [];
  for (const factor of FRAMINGS) {
    const side = factor * size;
    const found = await look(network, picture, centreX - side / 2, centreY - side / 2, side, AGAIN_SCORE);
    const same = found.filter((other) => overlap(box, other.box) >= SAME_FACE);
    if (same.length === 0) return null;
    seen.push(same.reduce((best, other) => (other.score > best.score ? other : best)));
  }
  return seen[0];
}

/**
 * What the network finds in one square, except faces that its edge cuts.
 * @param {Network} network
 * @param {Picture} picture
 * @param {number} left
 * @param {number} top
 * @param {number} side
 * @param {number} least
 * @returns {Promise<Detection[]>}
 */
async function look(network, picture, left, top, side, least) {
  const part = square(picture, left, top, side);
  const input = new Float32Array(part.data.length);
  for (let index = 0; index < input.length; index += 1) input[index] = SCALED[part.data[index]];
  const {boxes, logits} = await network(input);
  return decode(boxes, logits, fround(least)).flatMap(({score, first, last, eyes}) => {
    const x = (/** @type {number} */ value) => fround(fround(left) + fround(value * fround(side)));
    const y = (/** @type {number} */ value) => fround(fround(top) + fround(value * fround(side)));
    const cut =
      (first[0] < 0 && left > 0) ||
      (first[1] < 0 && top > 0) ||
      (last[0] > 1 && left + side < picture.width) ||
      (last[1] > 1 && top + side < picture.height);
    /** @type {Detection} */
    const face = {
      box: [x(first[0]), y(first[1]), x(last[0]), y(last[1])],
      score,
      eyes: [
        [x(eyes[0][0]), y(eyes[0][1])],
        [x(eyes[1][0]), y(eyes[1][1])],
      ],
    };
    return cut || Math.abs(tilt(face)) > MOST_TILT ? [] : [face];
  });
}

/**
 * The network's answers above ``least``, in fractions of its square.
 * @param {Float32Array} boxes
 * @param {Float32Array} logits
 * @param {number} least
 */
function decode(boxes, logits, least) {
  const faces = [];
  for (let row = 0; row < logits.length; row += 1) {
    const score = fround(1 / (1 + Math.exp(-Math.min(Math.max(logits[row], -60), 60))));
    if (score < least) continue;
    const pair = (/** @type {number} */ index) => [boxes[row * 16 + 2 * index], boxes[row * 16 + 2 * index + 1]];
    const point = (/** @type {number} */ index) =>
      pair(index).map((value, axis) => fround(fround(value / INPUT) + ANCHORS[2 * row + axis]));
    const centre = point(0);
    const half = pair(1).map((value) => fround(fround(value / INPUT) / 2));
    faces.push({
      score,
      first: centre.map((value, axis) => fround(value - half[axis])),
      last: centre.map((value, axis) => fround(value + half[axis])),
      eyes: [point(2), point(3)],
    });
  }
  return faces;
}

/**
 * @param {Detection} face
 * @returns {number} degrees by which the line of the eyes falls to the right
 */
export function tilt({eyes: [left, right]}) {
  return Math.atan2(right[1] - left[1], right[0] - left[0]) * (180 / Math.PI);
}

/**
 * @param {Box} one
 * @param {Box} other
 * @returns {number} the share of the smaller box that both cover
 */
function overlap(one, other) {
  const area = (/** @type {Box} */ box) => (box[2] - box[0]) * (box[3] - box[1]);
  const width = Math.max(Math.min(one[2], other[2]) - Math.max(one[0], other[0]), 0);
  const height = Math.max(Math.min(one[3], other[3]) - Math.max(one[1], other[1]), 0);
  return (width * height) / Math.min(area(one), area(other));
}
