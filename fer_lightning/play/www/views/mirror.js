// The mirror: every face in view with its box and bars, live or on a photo.

import {bars, button, h, photoField, title} from '../elements.js';
import {adjective} from '../words.js';

/** @typedef {import('../main.js').Theatre} Theatre */
/** @typedef {import('../game.js').State} State */
/** @typedef {import('../reading.js').Face} Face */
/** @typedef {import('./opening.js').View} View */

const MOST_LISTED = 4;
const WAITING = 'One moment…';

/**
 * @param {Theatre} theatre
 * @param {Extract<State, {name: 'mirror'}>} state
 * @returns {View}
 */
export function mirror(theatre, {round, unreadable}) {
  const isPhoto = round.source === 'photo';
  const field = isPhoto ? photoField(theatre.playPhoto, unreadable) : null;
  const list = h('div', {className: 'readings'});
  const showFaces = faceList(list, theatre.model.labels);
  const rate = h('p', {className: 'soft rate'});
  const still = h('div', {className: 'preview still'});
  const heading = title(isPhoto ? 'Choose a photo' : 'Mirror, mirror');
  /** @param {HTMLCanvasElement} picture */
  const showStill = (picture) => {
    still.replaceChildren(picture);
    still.style.aspectRatio = `${picture.width} / ${picture.height}`;
  };
  const {pending} = theatre;
  if (pending) {
    showStill(pending);
    list.append(h('p', {className: 'lead'}, WAITING));
  }
  theatre.showReadings = (faces, framesPerSecond, picture) => {
    if (picture) showStill(picture);
    const overlay = picture ? h('canvas', {className: 'overlay', 'aria-hidden': 'true'}) : theatre.camera.overlay;
    if (picture) still.append(overlay);
    const size = picture ?? {width: theatre.camera.video.videoWidth, height: theatre.camera.video.videoHeight};
    drawBoxes(overlay, size, faces, theatre.model.labels, !picture);
    showFaces(faces, picture ? 'No face found.' : 'No face in view.');
    rate.textContent = framesPerSecond === null ? '' : `${framesPerSecond.toFixed(0)} frames per second`;
    if (picture) theatre.announce(faces.length ? `Faces found: ${faces.length}` : 'No face found.');
  };
  return {
    element: h(
      'section',
      {},
      h('div', {className: 'heading'}, h('p', {className: 'act'}, 'Mirror'), heading),
      h('div', {className: 'pair mirror'}, isPhoto ? h('div', {}, field, still) : h('div', {}, theatre.camera.preview, rate), list),
      !isPhoto && h('div', {className: 'actions'}, button('Use photos instead', () => theatre.dispatch({type: 'use-photos'}), 'secondary')),
      h('p', {className: 'soft'}, 'The bars show how the network reads each face, not what anybody feels.'),
    ),
    focus: isPhoto ? /** @type {HTMLElement} */ (field?.querySelector('input')) : heading,
    says: pending ? WAITING : 'Mirror.',
  };
}

/**
 * The faces' bars. Elements stay while the number of faces does, because screen readers lose their place in a list that
 * is made anew for every frame.
 * @param {HTMLElement} list
 * @param {string[]} labels
 * @returns {(faces: Face[], nobody: string) => void} shows the faces, or a text if there are none
 */
function faceList(list, labels) {
  let count = -1;
  /** @type {ReturnType<typeof bars>[]} */
  let charts = [];
  return (faces, nobody) => {
    if (faces.length !== count) {
      count = faces.length;
      charts = faces.slice(0, MOST_LISTED).map(() => bars(labels, 'strongest'));
      list.replaceChildren(
        ...charts.map(({element}, index) =>
          h('article', {className: 'reading'}, h('h2', {}, count > 1 ? `Face ${index + 1}` : 'Face'), element),
        ),
      );
      if (count === 0) list.append(h('p', {className: 'lead'}, nobody));
      if (count > MOST_LISTED) list.append(h('p', {className: 'soft'}, `and ${count - MOST_LISTED} more`));
    }
    charts.forEach((chart, index) => {
      const {probabilities} = faces[index];
      chart.show(probabilities, strongest(probabilities));
    });
  };
}

/** @param {number[]} probabilities */
function strongest(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{width: number, height: number}} size
 * @param {Face[]} faces
 * @param {string[]} labels
 * @param {boolean} isMirrored
 */
function drawBoxes(canvas, {width, height}, faces, labels, isMirrored) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.clearRect(0, 0, width, height);
  // letters as large as the page's
  const unit = Math.max(width / (canvas.clientWidth || width), height / (canvas.clientHeight || height));
  context.font = `600 ${15 * unit}px system-ui, sans-serif`;
  context.lineWidth = 3 * unit;
  context.textBaseline = 'middle';
  faces.forEach(({box: [left, top, right, bottom], probabilities}, index) => {
    const x = isMirrored ? width - right : left;
    const best = strongest(probabilities);
    const number = faces.length > 1 ? `${index + 1}  ` : '';
    const text = `${number}${adjective(labels[best])} ${Math.round(100 * probabilities[best])}%`;
    context.strokeStyle = '#fff6ea';
    context.beginPath();
    context.roundRect(x, top, right - left, bottom - top, 10 * unit);
    context.stroke();
    const tag = context.measureText(text).width + 16 * unit;
    const y = Math.max(top - 14 * unit, 14 * unit);
    const start = Math.min(Math.max(x, 0), width - tag);
    context.fillStyle = '#fff6ea';
    context.beginPath();
    context.roundRect(start, y - 14 * unit, tag, 28 * unit, 8 * unit);
    context.fill();
    context.fillStyle = '#2a1b22';
    context.fillText(text, start + 8 * unit, y);
  });
}
