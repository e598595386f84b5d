// Before a round: welcome, loading, what keeps the game from starting, and the menu.

import {button, closedStage, coverStage, h, stage, title} from '../elements.js';
import {points} from '../scoring.js';
import {recall} from '../storage.js';
import {adjective, DEFECTS, MODES} from '../words.js';

/** @typedef {import('../main.js').Theatre} Theatre */
/** @typedef {import('../game.js').State} State */
/**
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {HTMLElement} [focus] what takes the focus, the title by default
 * @property {string} [says] for the live region
 * @property {(state: any) => void} [update] shows the next state of the same name without a new view
 */

/**
 * @param {Theatre} theatre
 * @returns {View}
 */
export function welcome({dispatch}) {
  const start = button('Raise the curtain', () => dispatch({type: 'start'}));
  const element = h(
    'section',
    {className: 'welcome'},
    coverStage(),
    title('Best Actor'),
    h('p', {className: 'lead'}, 'A face appears. Make the same one, and a small neural network scores your performance.'),
    start,
    h('p', {className: 'soft'}, 'The game runs in this tab only: no picture is sent or kept. Starting it downloads about 7\u00a0MB.'),
  );
  return {element, focus: start};
}

/** @returns {View} */
export function loading() {
  const bar = h('progress', {max: 1, value: 0, 'aria-label': 'Loading'});
  const text = h('p', {className: 'soft'}, 'Fetching the model…');
  const curtain = coverStage();
  const element = h('section', {className: 'welcome'}, curtain, title('Setting the stage'), bar, text);
  return {
    element,
    says: 'Loading',
    update({progress}) {
      bar.value = progress;
      curtain.style.setProperty('--curtain', `${20 - 8 * progress}%`);
      text.textContent =
        progress < 1 ? `Fetching the model… ${Math.floor(100 * progress)}%` : 'Checking the model on drawn faces…';
    },
  };
}

/**
 * @param {Theatre} theatre
 * @param {Extract<State, {name: 'broken'}>} state
 * @returns {View}
 */
export function broken({dispatch}, {defect}) {
  const words = DEFECTS[defect];
  const retry = button(words.action, () => dispatch({type: 'start'}));
  return {
    element: h('section', {className: 'narrow'}, closedStage(), title(words.title), h('p', {className: 'lead'}, words.text), retry),
    focus: retry,
    says: `${words.title} ${words.text}`,
  };
}

/**
 * @param {Theatre} theatre
 * @returns {View}
 */
export function menu(theatre) {
  const {model, choose} = theatre;
  const best = recall();
  const bestClassic = Object.entries(best.classic).sort(([, one], [, other]) => other - one)[0];
  const boasts = {
    classic: bestClassic ? `Best: ${adjective(bestClassic[0])}, ${points(bestClassic[1])}` : '',
    acts: best.acts === null ? '' : `Best: ${points(best.acts)} out of 500`,
    mirror: '',
  };
  const faces = {classic: 'happy', acts: 'fear', mirror: 'surprise'};
  const cards = /** @type {('classic' | 'acts' | 'mirror')[]} */ (['classic', 'acts', 'mirror']).map((mode) =>
    h(
      'button',
      {type: 'button', className: 'card', onclick: () => choose(mode)},
      h('span', {className: 'thumb', 'aria-hidden': 'true'}, stage(theatre.drawn(faces[mode], 0), faces[mode])),
      h('strong', {}, MODES[mode].title),
      h('span', {className: 'soft'}, MODES[mode].text),
      boasts[mode] && h('span', {className: 'boast'}, boasts[mode]),
    ),
  );
  const photos = h('input', {type: 'checkbox', checked: theatre.source === 'photo', id: 'photos'});
  photos.addEventListener('change', () => theatre.useSource(photos.checked ? 'photo' : 'camera'));
  const {faces: count} = model.golden;
  return {
    element: h(
      'section',
      {},
      title('What shall we play?'),
      h('div', {className: 'cards'}, ...cards),
      h('label', {className: 'switch'}, photos, ' Use photos instead of the camera'),
      h('p', {className: 'soft'}, `The model answers as it should: ${count} drawn faces checked in this browser.`),
    ),
    focus: cards[0],
    says: `The model answers as it should. ${count} drawn faces checked.`,
  };
}
