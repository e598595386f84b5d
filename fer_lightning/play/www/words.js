// The sentences that depend on the state of the game.

/** @typedef {import('./game.js').Defect} Defect */
/** @typedef {import('./game.js').Mode} Mode */
/** @typedef {import('./game.js').Trouble} Trouble */

/** @type {Record<string, string>} what somebody looks like, by label */
const ADJECTIVES = {
  angry: 'angry',
  disgust: 'disgusted',
  fear: 'afraid',
  happy: 'happy',
  sad: 'sad',
  surprise: 'surprised',
  neutral: 'neutral',
};

/** @param {string} label */
export function adjective(label) {
  return ADJECTIVES[label] ?? label;
}

/** @type {Record<Mode, {title: string, text: string}>} */
export const MODES = {
  classic: {title: 'Classic', text: 'One expression, one picture, one score.'},
  acts: {title: 'Five acts', text: 'Five expressions in a row, then the curtain call.'},
  mirror: {title: 'Mirror', text: 'No score: watch the network read your face live.'},
};

/**
 * @param {import('./game.js').Source} source
 * @returns {string[]}
 */
export function tutorial(source) {
  return [
    'Look at the drawn face.',
    source === 'camera'
      ? 'Make the same face before the countdown ends, and hold it.'
      : 'Choose a photo of someone who makes the same face.',
    'The score shows how strongly the network reads that expression, not what anybody feels.',
  ];
}

/** @type {Record<Trouble, {title: string, text: string}>} */
export const TROUBLES = {
  denied: {
    title: 'The camera is blocked for this page.',
    text: 'Allow it with the camera icon in the address bar, then try again.',
  },
  dismissed: {
    title: 'The camera request was dismissed.',
    text: 'Try again and choose “Allow”. Nothing is recorded, and nothing leaves this tab.',
  },
  missing: {title: 'There is no camera here.', text: 'Plug one in and try again.'},
  'in-use': {
    title: 'The camera is busy.',
    text: 'Another program may be using it. Close that program and try again.',
  },
  ended: {title: 'The camera was disconnected.', text: 'Reconnect it and try again.'},
  insecure: {
    title: 'This address cannot use a camera.',
    text: 'Browsers allow cameras only on https pages and on the machine that runs fer-play.',
  },
  other: {
    title: 'Something went wrong with the camera or the model.',
    text: 'Try again. If that does not help, reload the page.',
  },
};

/** @type {Record<Defect, {title: string, text: string, action: string}>} */
export const DEFECTS = {
  'no-wasm': {
    title: 'This browser cannot run the model.',
    text: 'WebAssembly is missing or switched off. A current Chrome, Edge, Firefox or Safari has it.',
    action: 'Check again',
  },
  'no-simd': {
    title: 'This browser is too old for the model.',
    text: 'It lacks WebAssembly SIMD. A current Chrome, Edge, Firefox or Safari has it.',
    action: 'Check again',
  },
  loading: {
    title: 'Part of the game failed to load.',
    text: 'Check your connection, and that fer-play is still running.',
    action: 'Try again',
  },
  model: {
    title: 'The model does not answer as it should.',
    text: 'Its answers to the drawn faces differ from those it was shipped with. Export or install it again.',
    action: 'Try again',
  },
};

export const MISSES = {
  'no-face': {
    title: 'No face, no score.',
    camera: 'Come closer, look at the camera, and turn towards a light.',
    photo: 'Choose a photo that shows a face from the front.',
  },
  'lost-face': {
    title: 'Your face left the picture.',
    camera: 'Stay in view until the pictures are taken.',
    photo: 'Choose a photo that shows a face from the front.',
  },
};

export const DOUBTS = {
  flat: 'The picture has little contrast. More light on your face makes the score fairer.',
  blurred: 'The picture is blurred. Hold still, or wipe the lens, for a fairer score.',
};

/**
 * @param {number} faces
 * @returns {string}
 */
export function several(faces) {
  return `There are ${faces} faces in the picture. Only the largest one is scored.`;
}

/**
 * @param {number} percent
 * @param {number} faces
 * @param {string} label
 * @returns {string}
 */
export function fairness(percent, faces, label) {
  const crowd = `the ${faces} faces that people called ${adjective(label)}`;
  if (percent >= 100) return `Better than all of ${crowd}.`;
  if (percent < 1) return `Fewer than 1% of ${crowd} scored lower.`;
  return `Better than ${percent}% of ${crowd}.`;
}

/**
 * @param {number} score 0..1
 * @returns {string}
 */
export function applause(score) {
  if (score >= 0.85) return 'Bravo!';
  if (score >= 0.6) return 'Well played.';
  if (score >= 0.3) return 'Almost there.';
  return 'The network saw something else.';
}
