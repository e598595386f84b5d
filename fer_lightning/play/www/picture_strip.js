// Pictures of the player: one with a frame around the face, and a strip of all acts.

/** @typedef {import('./picture.js').Box} Box */

const PAPER = '#fff6ea';
const INK = '#2a1b22';
const CURTAIN = '#a2253f';

/**
 * A copy of a picture, cut to the surroundings of the face, with a frame around it.
 * @param {HTMLCanvasElement} picture
 * @param {Box} box
 * @returns {HTMLCanvasElement}
 */
export function framed(picture, box) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, {width: 640, height: 640});
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', 'Your picture with a frame around the face');
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const {left, top, side} = surroundings(picture, box, 2);
  const scale = canvas.width / side;
  context.drawImage(picture, left, top, side, side, 0, 0, canvas.width, canvas.height);
  context.strokeStyle = PAPER;
  context.lineWidth = 5;
  context.beginPath();
  context.roundRect((box[0] - left) * scale, (box[1] - top) * scale, (box[2] - box[0]) * scale, (box[3] - box[1]) * scale, 18);
  context.stroke();
  return canvas;
}

/**
 * @param {{picture: HTMLCanvasElement, box: Box, caption: string, score: string}[]} acts
 * @param {string} total
 * @returns {HTMLCanvasElement}
 */
export function strip(acts, total) {
  const [tile, gap, foot, head] = [260, 20, 74, 84];
  const canvas = document.createElement('canvas');
  canvas.width = gap + acts.length * (tile + gap);
  canvas.height = head + tile + foot + gap;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.fillStyle = PAPER;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = CURTAIN;
  context.font = '700 34px system-ui, sans-serif';
  context.textBaseline = 'middle';
  context.fillText('Best Actor', gap, head / 2);
  context.textAlign = 'right';
  context.fillText(total, canvas.width - gap, head / 2);
  context.textAlign = 'center';
  acts.forEach(({picture, box, caption, score}, index) => {
    const x = gap + index * (tile + gap);
    const {left, top, side} = surroundings(picture, box, 1.8);
    context.save();
    context.beginPath();
    context.roundRect(x, head, tile, tile, 18);
    context.clip();
    context.drawImage(picture, left, top, side, side, x, head, tile, tile);
    context.restore();
    context.fillStyle = INK;
    context.font = '600 26px system-ui, sans-serif';
    context.fillText(caption, x + tile / 2, head + tile + 28);
    context.font = '400 24px system-ui, sans-serif';
    context.fillText(score, x + tile / 2, head + tile + 60);
  });
  return canvas;
}

/**
 * A square around a face, moved or reduced to fit into the picture.
 * @param {HTMLCanvasElement} picture
 * @param {Box} box
 * @param {number} factor its side, in boxes
 */
function surroundings({width, height}, [left, top, right, bottom], factor) {
  const side = Math.min(factor * Math.max(right - left, bottom - top), width, height);
  const inside = (/** @type {number} */ start, /** @type {number} */ length) => Math.min(Math.max(start, 0), length - side);
  return {left: inside((left + right - side) / 2, width), top: inside((top + bottom - side) / 2, height), side};
}
