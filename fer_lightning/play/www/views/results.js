// What a picture scored, and the curtain call.

import {bars, button, h, title} from '../elements.js';
import {framed, strip} from '../picture_strip.js';
import {canShare, save, share} from '../sharing.js';
import {curtainCall, percentile, points} from '../scoring.js';
import {keepActs, keepClassic} from '../storage.js';
import {adjective, applause, DOUBTS, fairness, several} from '../words.js';

/** @typedef {import('../main.js').Theatre} Theatre */
/** @typedef {import('../game.js').Round} Round */
/** @typedef {import('../game.js').State} State */
/** @typedef {import('./opening.js').View} View */

/**
 * @param {Theatre} theatre
 * @param {Extract<State, {name: 'result'}>} state
 * @returns {View}
 */
export function result(theatre, {round}) {
  const act = round.hits.length - 1;
  const hit = round.hits[act];
  const target = round.targets[act];
  const label = theatre.model.labels[target];
  const fair = fairScore(theatre, label, hit.score);
  const isRecord = round.mode === 'classic' && keepClassic(label, hit.score);
  const notes = [
    hit.others > 0 && several(hit.others + 1),
    hit.face.doubt !== null && DOUBTS[hit.face.doubt],
    isRecord && `Your best score for “${adjective(label)}” so far.`,
  ];
  const forward = moveOn(theatre, round);
  const chart = bars(theatre.model.labels, 'requested');
  chart.show(hit.face.probabilities, target);
  return {
    element: h(
      'section',
      {},
      h(
        'div',
        {className: 'heading'},
        h('p', {className: 'act'}, round.mode === 'acts' ? `Act ${act + 1} of ${round.targets.length}` : 'Classic'),
        title(applause(hit.score)),
      ),
      h(
        'div',
        {className: 'outcome'},
        h('figure', {className: 'selfie'}, framed(theatre.pictureOf(hit), hit.face.box), glimpse(hit.face.crop)),
        h(
          'div',
          {className: 'verdict'},
          h('p', {className: 'score'}, h('strong', {}, points(hit.score)), h('span', {className: 'soft'}, ` out of 100, ${adjective(label)}`)),
          fair && h('p', {className: 'fair'}, fair),
          ...notes.map((note) => note && h('p', {className: 'note'}, note)),
          chart.element,
        ),
      ),
      h('div', {className: 'actions'}, forward),
      h('details', {}, h('summary', {}, 'What do the numbers mean?'), meaning(theatre, label, fair !== null)),
    ),
    focus: forward,
    says: `${points(hit.score)} out of 100, ${adjective(label)}. ${fair ?? ''} ${notes.filter(Boolean).join(' ')}`,
  };
}

/**
 * @param {Theatre} theatre
 * @param {Extract<State, {name: 'curtain'}>} state
 * @returns {View}
 */
export function curtain(theatre, {round}) {
  const acts = round.hits.map((hit, index) => ({target: round.targets[index], score: hit.score}));
  const {total, best} = curtainCall(acts);
  const isRecord = keepActs(total);
  const names = acts.map((act) => adjective(theatre.model.labels[act.target]));
  const canvas = strip(
    round.hits.map((hit, index) => ({
      picture: theatre.pictureOf(hit),
      box: hit.face.box,
      caption: names[index],
      score: points(hit.score),
    })),
    `${points(total)} out of ${100 * acts.length}`,
  );
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `Your five pictures: ${names.map((name, index) => `${name} ${points(acts[index].score)}`).join(', ')}`);
  const again = button('Play again', theatre.again);
  const record = isRecord ? ' A new record!' : '';
  const said = `${points(total)} out of ${100 * acts.length} points. Your best act: ${names[best]}.${record}`;
  return {
    element: h(
      'section',
      {},
      h('div', {className: 'heading'}, h('p', {className: 'act'}, 'Five acts'), title('Curtain call')),
      h('p', {className: 'score'}, h('strong', {}, points(total)), h('span', {className: 'soft'}, ` out of ${100 * acts.length}`)),
      h('p', {className: 'lead'}, `Your best act: ${names[best]}, ${points(acts[best].score)}.${record}`),
      h('div', {className: 'strip', tabIndex: 0, role: 'group', 'aria-label': 'Your strip'}, canvas),
      h(
        'div',
        {className: 'actions'},
        again,
        button('Save the strip', () => save(canvas), 'secondary'),
        canShare() && button('Share it', () => share(canvas), 'secondary'),
      ),
      h('p', {className: 'soft'}, 'The strip stays here unless you save or share it.'),
    ),
    focus: again,
    says: said,
  };
}

/**
 * @param {Theatre} theatre
 * @param {Round} round
 */
function moveOn(theatre, round) {
  if (round.mode === 'classic') return button('Another one', theatre.again);
  const next = round.targets[round.hits.length];
  const text = next === undefined ? 'Curtain call' : `Next: look ${adjective(theatre.model.labels[next])}`;
  return button(text, () => theatre.dispatch({type: 'go'}));
}

/**
 * @param {Theatre} theatre
 * @param {string} label
 * @param {number} score
 */
function fairScore({model: {table}}, label, score) {
  const percent = percentile(table, label, score);
  return table === null || percent === null ? null : fairness(percent, table.labels[label].faces, label);
}

/**
 * @param {Theatre} theatre
 * @param {string} label
 * @param {boolean} isFair
 */
function meaning({model: {table}}, label, isFair) {
  return h(
    'p',
    {},
    `The score is the probability that the network gives to “${adjective(label)}” for this picture. `,
    isFair && 'Some expressions are harder to read than others, so the percentage compares it with photos of people whom ',
    isFair && `others called ${adjective(label)} (${table?.made_of}). `,
    'The score says how the network reads a face, not what you feel.',
  );
}

/**
 * The 48x48 pixels that the network was shown.
 * @param {Uint8Array} crop
 */
function glimpse(crop) {
  const canvas = h('canvas', {width: 48, height: 48, role: 'img', 'aria-label': 'The 48 by 48 grey pixels that the network sees'});
  const pixels = new ImageData(48, 48);
  crop.forEach((value, index) => pixels.data.set([value, value, value, 255], 4 * index));
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  return h('figcaption', {className: 'glimpse'}, canvas, h('span', {}, 'what the network sees'));
}
