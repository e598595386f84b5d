// Reads the expressions on the faces of a picture: a port of ExpressionReader in fer_lightning/inference/reader.py.

import {cropFace, doubtAbout, FACE_SIZE} from './crop.js';
import {confirm, detect} from './detection.js';
import {INPUT} from './regions.js';

/** @typedef {import('./crop.js').Framing} Framing */
/** @typedef {import('./detection.js').Network} Network */
/** @typedef {import('./picture.js').Box} Box */
/** @typedef {import('./picture.js').Picture} Picture */

/**
 * @typedef {object} Face
 * @property {Box} box in pixels of the picture
 * @property {number} score the detector's, 0..1
 * @property {number[]} probabilities in the order of labels.txt; they sum to 1
 * @property {'flat' | 'blurred' | null} doubt why the answer should not be trusted
 * @property {Uint8Array} crop what the network was shown, grey [48, 48]
 */

/**
 * @typedef {object} Networks
 * @property {Network} detector
 * @property {(grey: ArrayLike<number>) => Promise<number[]>} expression seven probabilities for 48x48 grey pixels
 */

/**
 * @typedef {object} Options
 * @property {boolean} [smallFaces] look for faces down to a fiftieth of the picture's longer side
 * @property {Box[]} [known] boxes where the frame before had faces
 * @property {boolean} [onlyKnown] look there and nowhere else
 */

/**
 * The two networks in LiteRT.js. Its tensors are not garbage-collected, so each one is deleted.
 * @param {typeof import('@litertjs/core')} litert
 * @param {Uint8Array} detectorFile
 * @param {Uint8Array} expressionFile
 * @returns {Promise<Networks>}
 */
export async function compile(litert, detectorFile, expressionFile) {
  const options = {accelerator: /** @type {'wasm'} */ ('wasm')};
  const detector = await litert.loadAndCompile(detectorFile, options);
  const expression = await litert.loadAndCompile(expressionFile, options);

  /**
   * @param {import('@litertjs/core').CompiledModel} model
   * @param {Float32Array} values
   * @param {number[]} shape
   */
  async function run(model, values, shape) {
    const input = new litert.Tensor(values, shape);
    try {
      const outputs = await model.run(input);
      try {
        return await Promise.all(outputs.map(async (each) => /** @type {Float32Array} */ (await each.data())));
      } finally {
        for (const each of outputs) each.delete();
      }
    } finally {
      input.delete();
    }
  }

  return {
    async detector(values) {
      const [one, other] = await run(detector, values, [1, INPUT, INPUT, 3]);
      return one.length > other.length ? {boxes: one, logits: other} : {boxes: other, logits: one};
    },
    async expression(grey) {
      const values = Float32Array.from(grey, (value) => value / 255);
      const [answer] = await run(expression, values, [1, FACE_SIZE, FACE_SIZE, 1]);
      return [...answer];
    },
  };
}

/**
 * The faces of one picture, the largest first.
 * @param {Networks} networks
 * @param {Picture} picture RGB
 * @param {Framing} framing
 * @param {Options} [options]
 * @returns {Promise<Face[]>}
 */
export async function read(networks, picture, framing, {smallFaces, known = [], onlyKnown} = {}) {
  const found = onlyKnown
    ? await confirm(networks.detector, picture, known)
    : await detect(networks.detector, picture, {smallFaces, known});
  const faces = [];
  for (const each of found) {
    const crop = cropFace(picture, each, framing);
    const probabilities = await networks.expression(crop);
    faces.push({box: each.box, score: each.score, probabilities, doubt: doubtAbout(crop), crop});
  }
  return faces;
}

/**
 * The largest difference from a bundle's golden answers.
 * @param {Networks} networks
 * @param {{faces: {pixels: number[], probabilities: number[]}[]}} golden
 * @returns {Promise<number>} NaN if one of the answers is
 */
export async function goldenDifference(networks, golden) {
  let largest = 0;
  for (const {pixels, probabilities} of golden.faces) {
    const answer = await networks.expression(pixels);
    largest = Math.max(largest, ...answer.map((value, index) => Math.abs(value - probabilities[index])));
  }
  return largest;
}
