// The game as a pure state machine: next(state, event) returns the next state and ignores unexpected events.

/** @typedef {import('./scoring.js').Hit} Hit */
/** @typedef {import('./scoring.js').Outcome} Outcome */
/** @typedef {'classic' | 'acts' | 'mirror'} Mode */
/** @typedef {'camera' | 'photo'} Source */
/**
 * @typedef {'denied' | 'dismissed' | 'missing' | 'in-use' | 'ended' | 'insecure' | 'other'} Trouble with a camera
 * @typedef {'no-wasm' | 'no-simd' | 'loading' | 'model'} Defect that keeps the game from starting
 */

/**
 * @typedef {object} Round
 * @property {Mode} mode
 * @property {Source} source
 * @property {number[]} targets expressions to play, as indices of the labels
 * @property {number} person which of the drawn faces shows them
 * @property {Hit[]} hits one for each act that was played
 */

/**
 * @typedef {{name: 'welcome'}
 *   | {name: 'loading', progress: number}
 *   | {name: 'broken', defect: Defect}
 *   | {name: 'menu'}
 *   | {name: 'asking', round: Round}
 *   | {name: 'trouble', round: Round, trouble: Trouble}
 *   | {name: 'ready', round: Round, unreadable: boolean}
 *   | {name: 'countdown', round: Round, count: number}
 *   | {name: 'looking', round: Round}
 *   | {name: 'missed', round: Round, why: 'no-face' | 'lost-face'}
 *   | {name: 'paused', round: Round}
 *   | {name: 'result', round: Round}
 *   | {name: 'curtain', round: Round}
 *   | {name: 'mirror', round: Round, unreadable: boolean}} State
 */

/**
 * @typedef {{type: 'start'}
 *   | {type: 'progress', progress: number}
 *   | {type: 'loaded'}
 *   | {type: 'failed', defect: Defect}
 *   | {type: 'choose', mode: Mode, source: Source, targets: number[], person: number}
 *   | {type: 'camera-on'}
 *   | {type: 'camera-off', trouble: Trouble}
 *   | {type: 'use-photos'}
 *   | {type: 'go'}
 *   | {type: 'tick'}
 *   | {type: 'photo'}
 *   | {type: 'unreadable'}
 *   | {type: 'seen', outcome: Outcome}
 *   | {type: 'again', targets: number[], person: number}
 *   | {type: 'hidden'}
 *   | {type: 'menu'}} Event
 */

export const COUNT_FROM = 4; // 4 shows the face, then 3, 2, 1
export const ACTS = 5;

/** @type {State} */
export const START = {name: 'welcome'};

/**
 * @param {State} state
 * @param {Event} event
 * @returns {State} the same object if the event changes nothing
 */
export function next(state, event) {
  if (event.type === 'menu') return isLoaded(state) ? {name: 'menu'} : state;
  if (event.type === 'choose') return state.name === 'menu' ? begin(event) : state;
  if (event.type === 'failed') return state.name === 'welcome' || state.name === 'loading' ? broken(event) : state;
  if (!('round' in state)) return beforeRounds(state, event);
  if (event.type === 'use-photos') return enter({...state.round, source: 'photo'});
  if (event.type === 'camera-off') return trouble(state, event.trouble);
  if (event.type === 'hidden') return needsVisibleTab(state) ? {name: 'paused', round: state.round} : state;
  return inRound(state, event);
}

/**
 * @param {State} state
 * @param {Event} event
 * @returns {State}
 */
function beforeRounds(state, event) {
  if (event.type === 'start' && (state.name === 'welcome' || state.name === 'broken')) {
    return {name: 'loading', progress: 0};
  }
  if (state.name === 'loading' && event.type === 'progress') return {name: 'loading', progress: event.progress};
  if (state.name === 'loading' && event.type === 'loaded') return {name: 'menu'};
  return state;
}

/**
 * @param {Extract<State, {round: Round}>} state
 * @param {Event} event
 * @returns {State}
 */
function inRound(state, event) {
  const {round} = state;
  switch (state.name) {
    case 'asking':
      return event.type === 'camera-on' ? enter(round) : state;
    case 'trouble':
      return event.type === 'go' ? {name: 'asking', round} : state;
    case 'ready':
      if (event.type === 'go' && round.source === 'camera') return {name: 'countdown', round, count: COUNT_FROM};
      if (event.type === 'photo') return {name: 'looking', round};
      return event.type === 'unreadable' ? {...state, unreadable: true} : state;
    case 'countdown':
      if (event.type !== 'tick') return state;
      return state.count > 1 ? {...state, count: state.count - 1} : {name: 'looking', round};
    case 'looking':
      if (event.type === 'unreadable') return {name: 'ready', round, unreadable: true};
      return event.type === 'seen' ? seen(round, event.outcome) : state;
    case 'missed':
      return event.type === 'go' ? goOn(round) : state;
    case 'paused':
      return event.type === 'go' ? open(round) : state;
    case 'result':
      if (event.type === 'go' && round.hits.length < round.targets.length) return goOn(round);
      if (event.type === 'go' && round.mode === 'acts') return {name: 'curtain', round};
      return event.type === 'again' && round.mode === 'classic' ? again(round, event) : state;
    case 'curtain':
      return event.type === 'again' ? again(round, event) : state;
    case 'mirror':
      if (event.type === 'photo') return {...state, unreadable: false};
      return event.type === 'unreadable' ? {...state, unreadable: true} : state;
  }
}

/**
 * @param {Extract<Event, {type: 'choose'}>} event
 * @returns {State}
 */
function begin({mode, source, targets, person}) {
  return open({mode, source, targets, person, hits: []});
}

/**
 * @param {Round} round
 * @returns {State} the first state of a round, which asks for the camera if the round needs it
 */
function open(round) {
  return round.source === 'camera' ? {name: 'asking', round} : enter(round);
}

/**
 * @param {Round} round
 * @returns {State} the state in which a round waits for the player
 */
function enter(round) {
  return {name: round.mode === 'mirror' ? 'mirror' : 'ready', round, unreadable: false};
}

/**
 * @param {Round} round
 * @returns {State} the next act, or the same one again, without another click
 */
function goOn(round) {
  return round.source === 'photo' ? enter(round) : {name: 'countdown', round, count: COUNT_FROM};
}

/**
 * @param {Round} round
 * @param {Extract<Event, {type: 'again'}>} event
 * @returns {State}
 */
function again(round, {targets, person}) {
  return open({...round, targets, person, hits: []});
}

/**
 * @param {Round} round
 * @param {Outcome} outcome
 * @returns {State}
 */
function seen(round, outcome) {
  if (!outcome.ok) return {name: 'missed', round, why: outcome.why};
  return {name: 'result', round: {...round, hits: [...round.hits, outcome]}};
}

/**
 * The camera's end matters only while a round needs it.
 * @param {Extract<State, {round: Round}>} state
 * @param {Trouble} why
 * @returns {State}
 */
function trouble(state, why) {
  const needed = state.round.source === 'camera' && state.name !== 'result' && state.name !== 'curtain';
  return needed ? {name: 'trouble', round: state.round, trouble: why} : state;
}

/**
 * @param {Extract<Event, {type: 'failed'}>} event
 * @returns {State}
 */
function broken({defect}) {
  return {name: 'broken', defect};
}

/** @param {State} state */
function isLoaded(state) {
  return state.name === 'menu' || 'round' in state;
}

/** @param {Extract<State, {round: Round}>} state */
function needsVisibleTab({name, round}) {
  return (name === 'countdown' || name === 'looking') && round.source === 'camera';
}

/**
 * @param {Round} round
 * @returns {number} the expression of the act that is next, or of the last one when all are played
 */
export function targetOf(round) {
  return round.targets[Math.min(round.hits.length, round.targets.length - 1)];
}
