// Connects the state machine with the page, the camera and the model.

import {Camera, openPhoto, troubleIn} from './camera.js';
import {Capture} from './capture.js';
import {clock} from './clock.js';
import {ACTS, next, START, targetOf} from './game.js';
import {load} from './loading.js';
import {draw, scoreBurst, scorePicture} from './scoring.js';
import {connectSound, tick} from './sound.js';
import {mirror} from './views/mirror.js';
import {broken, loading, menu, welcome} from './views/opening.js';
import {curtain, result} from './views/results.js';
import {asking, countdown, looking, missed, paused, ready, trouble} from './views/round.js';

/** @typedef {import('./game.js').Event} Event */
/** @typedef {import('./game.js').Mode} Mode */
/** @typedef {import('./game.js').Round} Round */
/** @typedef {import('./game.js').State} State */
/** @typedef {import('./reading.js').Face} Face */
/** @typedef {import('./scoring.js').Hit} Hit */

/** @typedef {typeof theatre} Theatre what the views may use */

const VIEWS = {welcome, loading, broken, menu, asking, trouble, ready, countdown, looking, missed, paused, result, curtain, mirror};
const SHOW_FACE = 1800; // milliseconds
const COUNT = 1000;
const page = /** @type {{[key: string]: HTMLElement}} */ ({
  view: document.getElementById('view'),
  announcer: document.getElementById('announcer'),
  leave: document.getElementById('leave'),
  sound: document.getElementById('sound'),
});

/** @type {State} */
let state = START;
/** @type {import("./views/opening.js").View | undefined} */
let view;
/** @type {Capture} */
let capture;
/** @type {Record<string, string[]>} */
let drawings;
/** @type {WeakMap<Hit, HTMLCanvasElement>} */
const pictures = new WeakMap();
let photos = 0; // that were chosen

const theatre = {
  /** @type {import('./reader.js').Model} */
  model: /** @type {any} */ (null),
  camera: new Camera((why) => dispatch({type: 'camera-off', trouble: why})),
  /** @type {import('./game.js').Source} */
  source: navigator.mediaDevices ? 'camera' : 'photo',
  /** @type {HTMLCanvasElement | null} the photo that is being read */
  pending: null,
  dispatch,
  announce,
  /** @param {Mode} mode */
  choose(mode) {
    dispatch({type: 'choose', mode, source: theatre.source, ...cast(mode)});
  },
  again() {
    if ('round' in state) dispatch({type: 'again', ...cast(state.round.mode)});
  },
  /** @param {import('./game.js').Source} source */
  useSource(source) {
    theatre.source = source;
  },
  /**
   * @param {string} label
   * @param {number} person
   */
  drawn(label, person) {
    const people = drawings[label];
    return people[person % people.length];
  },
  /** @param {Hit} hit */
  pictureOf(hit) {
    return /** @type {HTMLCanvasElement} */ (pictures.get(hit));
  },
  /** @param {File} file */
  async playPhoto(file) {
    const round = roundOf(state);
    const number = ++photos;
    /** @type {HTMLCanvasElement | null} */
    let photo = null;
    try {
      photo = await openPhoto(file);
    } catch {
      // not a picture
    }
    if (roundOf(state) !== round || number !== photos) return; // the player went on, or chose another one, meanwhile
    theatre.pending = photo;
    dispatch({type: photo === null ? 'unreadable' : 'photo'});
    if (photo !== null && state.name === 'mirror') await readMirrorPhoto(photo);
  },
  /** @type {(faces: Face[], framesPerSecond: number | null, picture: HTMLCanvasElement | null) => void} */
  showReadings() {},
};

/**
 * @param {Mode} mode
 * @returns {{targets: number[], person: number}} the expressions of a new round, and who shows them
 */
function cast(mode) {
  const all = theatre.model.labels.map((_, index) => index);
  const expressive = all.filter((index) => theatre.model.labels[index] !== 'neutral');
  const targets = mode === 'acts' ? draw(ACTS, expressive, Math.random) : draw(1, all, Math.random);
  return {targets, person: Math.floor(Math.random() * drawings[theatre.model.labels[0]].length)};
}

/** @param {State} current */
function roundOf(current) {
  return 'round' in current ? current.round : null;
}

/** @param {Event} event */
function dispatch(event) {
  const before = state;
  state = next(state, event);
  if (state === before) return;
  show(before);
  act(state, before);
}

/** @param {string} text */
function announce(text) {
  page.announcer.textContent = text;
}

/** @param {State} before */
function show(before) {
  if (before.name === state.name && view?.update) {
    view.update(state);
    return;
  }
  view = VIEWS[state.name](theatre, /** @type {any} */ (state));
  page.view.replaceChildren(view.element);
  page.view.dataset.state = state.name;
  page.leave.hidden = !('round' in state);
  page.sound.hidden = state.name === 'welcome';
  view.update?.(state);
  (view.focus ?? view.element.querySelector('h1'))?.focus({preventScroll: true});
  scrollTo(0, 0);
  if (view.says) announce(view.says);
  // some browsers stop a video that is moved within the page
  if (theatre.camera.isLive && theatre.camera.preview.isConnected) theatre.camera.video.play().catch(() => {});
}

/**
 * The side effects of a state.
 * @param {State} now
 * @param {State} before
 */
function act(now, before) {
  if (now.name !== 'mirror') theatre.camera.clear();
  if (now.name !== 'looking' && now.name !== 'mirror') theatre.pending = null;
  switch (now.name) {
    case 'loading':
      if (before.name !== 'loading') begin();
      break;
    case 'trouble': // a camera without frames has to be opened again
    case 'menu':
    case 'curtain':
      theatre.camera.stop();
      break;
    case 'asking':
      openCamera();
      break;
    case 'ready':
      if (now.round.source === 'photo') theatre.camera.stop();
      break;
    case 'countdown':
      count(now);
      break;
    case 'looking':
      look(now);
      break;
    case 'mirror':
      if (now.round.source === 'photo') theatre.camera.stop();
      else reflect(now);
      break;
  }
}

async function begin() {
  const loaded = await load((progress) => dispatch({type: 'progress', progress}));
  if (typeof loaded === 'string') {
    dispatch({type: 'failed', defect: loaded});
    return;
  }
  ({model: theatre.model, drawings} = loaded);
  capture = new Capture(theatre.camera, loaded.reader);
  dispatch({type: 'loaded'});
}

async function openCamera() {
  try {
    if (await theatre.camera.start()) dispatch({type: 'camera-on'});
  } catch (error) {
    dispatch({type: 'camera-off', trouble: troubleIn(error)});
  }
}

/** @param {Extract<State, {name: 'countdown'}>} now */
async function count(now) {
  if (!theatre.camera.isLive) {
    dispatch({type: 'camera-off', trouble: 'ended'});
    return;
  }
  if (now.count <= 3) {
    announce(String(now.count));
    tick(now.count === 1);
  }
  await clock.wait(now.count > 3 ? SHOW_FACE : COUNT);
  if (state === now) dispatch({type: 'tick'});
}

/** @param {Extract<State, {name: 'looking'}>} now */
async function look(now) {
  const {round} = now;
  const target = targetOf(round);
  try {
    const isBurst = round.mode === 'acts' && round.source === 'camera';
    const shots = isBurst ? await capture.burst(() => state === now) : [await single(round)];
    if (state !== now) return;
    const outcome = isBurst ? scoreBurst(shots.map((shot) => shot.faces), target) : scorePicture(shots[0].faces, target);
    if (outcome.ok) pictures.set(outcome, shots[outcome.frame].canvas);
    dispatch({type: 'seen', outcome});
  } catch (error) {
    if (state !== now) return;
    dispatch(round.source === 'photo' ? {type: 'unreadable'} : {type: 'camera-off', trouble: troubleIn(error)});
  }
}

/** @param {Round} round */
function single(round) {
  return round.source === 'photo' ? capture.photo(/** @type {HTMLCanvasElement} */ (theatre.pending)) : capture.single();
}

/** @param {Extract<State, {name: 'mirror'}>} now */
async function reflect(now) {
  try {
    await capture.reflect(() => state === now, (faces, rate) => theatre.showReadings(faces, rate, null));
  } catch (error) {
    if (state === now) dispatch({type: 'camera-off', trouble: troubleIn(error)});
  }
}

/** @param {HTMLCanvasElement} photo */
async function readMirrorPhoto(photo) {
  const now = state;
  /** @type {Face[] | null} */
  let faces = null;
  try {
    ({faces} = await capture.photo(photo));
  } catch {
    // its pixels do not fit into memory
  }
  if (state !== now) return;
  theatre.pending = null;
  if (faces === null) dispatch({type: 'unreadable'});
  else theatre.showReadings(faces, null, photo);
}

document.addEventListener('visibilitychange', () => document.hidden && dispatch({type: 'hidden'}));
// a photo dropped beside the drop zone must not replace the page
for (const type of ['dragover', 'drop']) document.addEventListener(type, (event) => event.preventDefault());
page.leave.addEventListener('click', () => dispatch({type: 'menu'}));
connectSound(page.sound);
show(state);
