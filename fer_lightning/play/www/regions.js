// The parts of a picture that the face detector looks at.

import {blank, roundHalfEven} from './picture.js';
import {resize} from './resize.js';

/** @typedef {import('./picture.js').Box} Box */
/** @typedef {import('./picture.js').Picture} Picture */

export const INPUT = 128; // pixels a side, of what the detector takes
const MIN_TILE = 128; // pixels a side

/**
 * A square of an RGB picture, in the network's size; what lies beyond the picture is black.
 * @param {Picture} picture
 * @param {number} left
 * @param {number} top
 * @param {number} side
 * @returns {Picture}
 */
export function square(picture, left, top, side) {
  /** @type {Box} */
  const box = [
    Math.max(left, 0),
    Math.max(top, 0),
    Math.min(left + side, picture.width),
    Math.min(top + side, picture.height),
  ];
  const canvas = blank(INPUT, INPUT, 3);
  if (box[2] <= box[0] || box[3] <= box[1]) return canvas;
  const scale = INPUT / side;
  const width = Math.max(1, roundHalfEven((box[2] - box[0]) * scale));
  const height = Math.max(1, roundHalfEven((box[3] - box[1]) * scale));
  const inner = resize(picture, width, height, {box, gap: 2});
  const offsetX = roundHalfEven((box[0] - left) * scale);
  const offsetY = roundHalfEven((box[1] - top) * scale);
  const columns = Math.min(width, INPUT - offsetX);
  for (let y = 0; y < Math.min(height, INPUT - offsetY); y += 1) {
    const row = inner.data.subarray(3 * y * width, 3 * (y * width + columns));
    canvas.data.set(row, 3 * ((y + offsetY) * INPUT + offsetX));
  }
  return canvas;
}

/**
 * Squares to look at, as left, top, side: the whole picture, half its size and so on, overlapping by half.
 * @param {number} width
 * @param {number} height
 * @param {number} finest
 * @returns {Generator<[number, number, number]>}
 */
export function* regions(width, height, finest) {
  const longest = Math.max(width, height);
  const shortest = Math.min(width, height);
  for (const side of [1.5 * longest, longest]) yield [(width - side) / 2, (height - side) / 2, side];
  let side = longest > 1.25 * shortest ? shortest : longest / 2;
  while (side >= Math.max(MIN_TILE, longest / finest)) {
    for (const top of starts(height, side)) for (const left of starts(width, side)) yield [left, top, side];
    side /= 2;
  }
}

/**
 * @param {number} length
 * @param {number} side
 * @returns {number[]} where tiles of ``side`` begin to cover ``length`` and overlap by about half
 */
function starts(length, side) {
  const room = Math.max(length - side, 0);
  const count = Math.ceil(room / (side / 2)) + 1;
  return Array.from({length: count}, (_, index) => (room * index) / Math.max(count - 1, 1));
}
