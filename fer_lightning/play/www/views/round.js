// A round until its picture: the camera's question and its troubles, ready, countdown, looking, a miss, a pause.

import {targetOf} from '../game.js';
import {button, closedStage, h, photoField, stage, title} from '../elements.js';
import {keepTutorialSeen, recall} from '../storage.js';
import {adjective, MISSES, TROUBLES, tutorial} from '../words.js';

/** @typedef {import('../main.js').Theatre} Theatre */
/** @typedef {import('../game.js').Round} Round */
/** @typedef {import('../game.js').State} State */
/** @typedef {import('./opening.js').View} View */

/**
 * @param {Theatre} theatre
 * @returns {View}
 */
export function asking({camera, dispatch}) {
  const photos = button('Use photos instead', () => dispatch({type: 'use-photos'}), 'secondary');
  return {
    element: h(
      'section',
      {className: 'narrow'},
      title('May I use your camera?'),
      h('p', {className: 'lead'}, 'If your browser asks for the camera, choose “Allow”. The pictures stay in this tab.'),
      camera.preview,
      photos,
    ),
    says: camera.isLive ? '' : 'Waiting for the camera.',
  };
}

/**
 * @param {Theatre} theatre
 * @param {Extract<State, {name: 'trouble'}>} state
 * @returns {View}
 */
export function trouble({dispatch, drawn}, state) {
  const words = TROUBLES[state.trouble];
  const retry = button('Try again', () => dispatch({type: 'go'}));
  const photos = button('Use photos instead', () => dispatch({type: 'use-photos'}), 'secondary');
  return {
    element: h(
      'section',
      {className: 'narrow small-stage'},
      stage(drawn('surprise', 1), 'surprise'),
      title(words.title),
      h('p', {className: 'lead'}, words.text),
      h('div', {className: 'actions'}, retry, photos),
    ),
    focus: retry,
    says: `${words.title} ${words.text}`,
  };
}

/**
 * @param {Theatre} theatre
 * @param {Extract<State, {name: 'ready'}>} state
 * @returns {View}
 */
export function ready(theatre, {round, unreadable}) {
  const {dispatch} = theatre;
  const label = theatre.model.labels[targetOf(round)];
  const start = button('I am ready', () => dispatch({type: 'go'}));
  const isPhoto = round.source === 'photo';
  const seen = recall().tutorialSeen;
  keepTutorialSeen();
  const field = photoField(theatre.playPhoto, unreadable);
  return {
    element: h(
      'section',
      {},
      heading(theatre, round, h('p', {className: 'lead'}, isPhoto ? 'Choose a photo of this expression.' : 'Take your time.')),
      h('div', {className: 'pair'}, drawn(theatre, round), isPhoto ? field : theatre.camera.preview),
      h(
        'div',
        {className: 'actions'},
        !isPhoto && start,
        !isPhoto && button('Use photos instead', () => dispatch({type: 'use-photos'}), 'secondary'),
      ),
      h(
        'details',
        {className: 'tutorial', open: !seen},
        h('summary', {}, 'How it works'),
        h('ol', {}, ...tutorial(round.source).map((line) => h('li', {}, line))),
      ),
    ),
    focus: isPhoto ? /** @type {HTMLElement} */ (field.querySelector('input')) : start,
    says: unreadable ? '' : `${place(round)}Look ${adjective(label)}.`,
  };
}

/**
 * @param {Theatre} theatre
 * @param {Extract<State, {name: 'countdown'}>} state
 * @returns {View}
 */
export function countdown(theatre, {round}) {
  const number = h('span', {className: 'count'});
  const badge = h('div', {className: 'badge'}, number);
  const hint = h('p', {className: 'lead'});
  /** @type {View} */
  const view = {
    element: h('section', {}, heading(theatre, round, hint), pair(theatre, round, badge)),
    says: `${place(round)}Look ${adjective(theatre.model.labels[targetOf(round)])}.`,
    update({count}) {
      badge.hidden = count > 3;
      badge.classList.remove('beat');
      if (count > 3) {
        hint.textContent = 'Take a good look at the face.';
        return;
      }
      hint.textContent = count > 1 ? 'Your turn.' : 'Hold it!';
      number.textContent = String(count);
      void badge.offsetWidth; // starts the animation anew
      badge.classList.add('beat');
    },
  };
  return view;
}

/**
 * @param {Theatre} theatre
 * @param {Extract<State, {name: 'looking'}>} state
 * @returns {View}
 */
export function looking(theatre, {round}) {
  const isBurst = round.mode === 'acts' && round.source === 'camera';
  const badge = h('div', {className: isBurst ? 'badge burst' : 'badge flash'}, h('span', {className: 'count'}, '●'));
  const hint = h('p', {className: 'lead'}, round.source === 'camera' ? 'Hold it!' : 'One moment…');
  return {element: h('section', {}, heading(theatre, round, hint), pair(theatre, round, badge)), says: hint.textContent ?? ''};
}

/**
 * @param {Theatre} theatre
 * @param {Extract<State, {name: 'missed'}>} state
 * @returns {View}
 */
export function missed(theatre, {round, why}) {
  const words = MISSES[why];
  const hint = words[round.source];
  const retry = button('Try again', () => theatre.dispatch({type: 'go'}));
  const photos = button('Use photos instead', () => theatre.dispatch({type: 'use-photos'}), 'secondary');
  const isCamera = round.source === 'camera';
  return {
    element: h(
      'section',
      {className: isCamera ? 'narrow' : 'narrow small-stage'},
      !isCamera && stage(theatre.drawn('sad', 2), 'sad'),
      title(words.title),
      h('p', {className: 'lead'}, hint),
      isCamera && theatre.camera.preview,
      h('div', {className: 'actions'}, retry, isCamera && photos),
    ),
    focus: retry,
    says: `${words.title} ${hint}`,
  };
}

/**
 * @param {Theatre} theatre
 * @returns {View}
 */
export function paused({dispatch}) {
  const go = button('Continue', () => dispatch({type: 'go'}));
  return {
    element: h(
      'section',
      {className: 'narrow'},
      closedStage(),
      title('The game is paused.'),
      h('p', {className: 'lead'}, 'This tab was hidden, so the game stopped. This act starts over.'),
      go,
    ),
    focus: go,
    says: 'The game is paused.',
  };
}

/**
 * @param {Theatre} theatre
 * @param {Round} round
 * @param {HTMLElement} hint
 */
function heading({model}, round, hint) {
  const act = round.mode === 'acts' ? `Act ${round.hits.length + 1} of ${round.targets.length}` : 'Classic';
  const asked = title(`Look ${adjective(model.labels[targetOf(round)])}`);
  return h('div', {className: 'heading'}, h('p', {className: 'act'}, act), asked, hint);
}

/** @param {Round} round */
function place(round) {
  return round.mode === 'acts' ? `Act ${round.hits.length + 1}. ` : '';
}

/**
 * @param {Theatre} theatre
 * @param {Round} round
 */
function drawn(theatre, round) {
  const label = theatre.model.labels[targetOf(round)];
  return stage(theatre.drawn(label, round.person + round.hits.length), label);
}

/**
 * @param {Theatre} theatre
 * @param {Round} round
 * @param {HTMLElement} badge
 */
function pair(theatre, round, badge) {
  const other = round.source === 'camera' ? theatre.camera.preview : h('div', {className: 'preview still'});
  const picture = theatre.pending;
  if (round.source === 'photo' && picture) other.append(picture);
  return h('div', {className: 'pair'}, drawn(theatre, round), h('div', {className: 'framed'}, other, badge));
}
