// Crops a face with FER2013's framing: a port of fer_lightning/inference/face_crop.py.

import {tilt} from './detection.js';
import {blank, roundHalfEven, toGrey} from './picture.js';
import {resize} from './resize.js';
import {rotate} from './rotate.js';

/** @typedef {import('./detection.js').Detection} Detection */
/** @typedef {import('./picture.js').Picture} Picture */

/**
 * @typedef {object} Framing
 * @property {number} side_in_boxes side of the crop, in sides of the detector's box
 * @property {number} shift_down_in_sides from the box's centre to the crop's, along the face
 */

export const FACE_SIZE = 48; // pixels a side, what FER2013.tflite takes
const LARGE_FACE = 400; // pixels a side; turning a larger one in full size would waste memory
// limits from FER2013's training faces; see fer_lightning/inference/reader.py
const FLAT = 12;
const BLURRED = 0.2;

/** @type {Framing} for bundles whose model.json has no framing */
export const DEFAULT_FRAMING = {side_in_boxes: 1.19, shift_down_in_sides: -0.07};

/**
 * The face, upright; what lies beyond the picture repeats its border.
 * @param {Picture} picture RGB
 * @param {Detection} face
 * @param {Framing} framing
 * @returns {Uint8Array} grey [48, 48]
 */
export function cropFace(picture, face, framing = DEFAULT_FRAMING) {
  const shrink = Math.max(face.box[2] - face.box[0], face.box[3] - face.box[1]) / LARGE_FACE;
  if (shrink > 1) {
    const width = Math.max(1, roundHalfEven(picture.width / shrink));
    const height = Math.max(1, roundHalfEven(picture.height / shrink));
    picture = resize(picture, width, height, {gap: 3});
    face = scaled(face, 1 / shrink);
  }
  const [left, top, right, bottom] = face.box;
  const side = (framing.side_in_boxes * (right - left + bottom - top)) / 2;
  const angle = tilt(face) * (Math.PI / 180);
  const centreX = (left + right) / 2 - Math.sin(angle) * framing.shift_down_in_sides * side;
  const centreY = (top + bottom) / 2 + Math.cos(angle) * framing.shift_down_in_sides * side;
  const reach = Math.ceil(side * 0.75) + 2; // of a square that holds the crop at any angle
  const square = borderedSquare(picture, roundHalfEven(centreX), roundHalfEven(centreY), reach);
  const edge = reach - side / 2;
  const reached = side / FACE_SIZE / 2 + 1; // beyond the crop's edge, by the filter of the resize
  const upright = rotate(square, tilt(face), edge - reached);
  const crop = resize(upright, FACE_SIZE, FACE_SIZE, {box: [edge, edge, edge + side, edge + side]});
  return new Uint8Array(crop.data);
}

/**
 * @param {Detection} face
 * @param {number} factor
 * @returns {Detection} the same face in a picture ``factor`` times as large
 */
function scaled({box, score, eyes}, factor) {
  const [left, top, right, bottom] = box;
  const point = (/** @type {[number, number]} */ [x, y]) => /** @type {[number, number]} */ ([factor * x, factor * y]);
  return {
    box: [factor * left, factor * top, factor * right, factor * bottom],
    score,
    eyes: [point(eyes[0]), point(eyes[1])],
  };
}

/**
 * The pixels around (x, y), ``reach`` to each side, grey, the border repeated where the picture ends.
 * @param {Picture} picture RGB
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 * @returns {Picture}
 */
function borderedSquare(picture, x, y, reach) {
  const inside = (/** @type {number} */ value, /** @type {number} */ size) => Math.min(Math.max(value, 0), size - 1);
  const square = blank(2 * reach, 2 * reach, 3);
  for (let row = 0, to = 0; row < 2 * reach; row += 1) {
    const line = inside(y - reach + row, picture.height) * picture.width;
    for (let column = 0; column < 2 * reach; column += 1, to += 3) {
      const from = 3 * (line + inside(x - reach + column, picture.width));
      square.data[to] = picture.data[from];
      square.data[to + 1] = picture.data[from + 1];
      square.data[to + 2] = picture.data[from + 2];
    }
  }
  return toGrey(square);
}

/**
 * Why the answer for a crop should not be trusted.
 * @param {Uint8Array} crop grey [48, 48]
 * @returns {'flat' | 'blurred' | null}
 */
export function doubtAbout(crop) {
  const spread = deviation(crop);
  if (spread < FLAT) return 'flat';
  const laplacian = [];
  for (let y = 1; y < FACE_SIZE - 1; y += 1) {
    for (let x = 1; x < FACE_SIZE - 1; x += 1) {
      const at = y * FACE_SIZE + x;
      laplacian.push(4 * crop[at] - crop[at - FACE_SIZE] - crop[at + FACE_SIZE] - crop[at - 1] - crop[at + 1]);
    }
  }
  return deviation(laplacian) < BLURRED * spread ? 'blurred' : null;
}

/**
 * @param {ArrayLike<number>} values
 * @returns {number} the standard deviation
 */
function deviation(values) {
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) sum += values[index];
  const mean = sum / values.length;
  let squares = 0;
  for (let index = 0; index < values.length; index += 1) squares += (values[index] - mean) ** 2;
  return Math.sqrt(squares / values.length);
}
