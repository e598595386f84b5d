// Elements shared by the views.

import {adjective} from './words.js';

/**
 * Makes an element. Names that start with aria-, and role, become attributes; all others, properties. Children are
 * nodes or text.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | null | false)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'role' || name.startsWith('aria-')) element.setAttribute(name, value);
    else Object.assign(element, {[name]: value});
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/**
 * @param {string} text
 * @param {() => void} onclick
 * @param {string} [className]
 */
export function button(text, onclick, className = 'primary') {
  return h('button', {type: 'button', className, onclick}, text);
}

/**
 * The title of a state. It takes the focus if no button does.
 * @param {string} text
 */
export function title(text) {
  return h('h1', {tabIndex: -1}, text);
}

/**
 * A drawn face on its little stage.
 * @param {string} svg
 * @param {string} label
 */
export function stage(svg, label) {
  const drawing = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
  drawing.setAttribute('role', 'img');
  drawing.setAttribute('aria-label', `A drawn face that looks ${adjective(label)}`);
  return h('div', {className: 'stage'}, document.importNode(drawing, true));
}

/** The three faces of the cover behind a curtain, which is partly open. */
export function coverStage() {
  const alt = 'Drawn faces that look afraid, happy and surprised, behind a curtain';
  return h('div', {className: 'stage wide'}, h('img', {src: 'vendor/cover.svg', alt, width: 480, height: 160}));
}

export function closedStage() {
  return h('div', {className: 'stage wide closed', 'aria-hidden': 'true'});
}

/**
 * Seven bars. The one that counts is marked by bold text and a note as well as by its colour.
 * @param {string[]} labels
 * @param {string} why the one that counts does
 */
export function bars(labels, why) {
  const rows = labels.map((label) => {
    const note = h('span', {className: 'unseen'});
    const fill = h('span', {className: 'fill'});
    const value = h('span', {className: 'value'});
    const track = h('span', {className: 'track', 'aria-hidden': 'true'}, fill);
    return {row: h('li', {}, h('span', {className: 'name'}, adjective(label), note), track, value), note, fill, value};
  });
  return {
    element: h('ul', {className: 'bars', 'aria-label': 'How the network reads the face, in per cent'}, ...rows.map(({row}) => row)),
    /**
     * @param {ArrayLike<number>} probabilities
     * @param {number} chosen
     */
    show(probabilities, chosen) {
      rows.forEach(({row, note, fill, value}, index) => {
        row.className = index === chosen ? 'chosen' : '';
        note.textContent = index === chosen ? ` (${why})` : '';
        fill.style.inlineSize = `${100 * probabilities[index]}%`;
        value.textContent = (100 * probabilities[index]).toFixed(1);
      });
    },
  };
}

/**
 * A file input that looks like a button, inside a drop zone for photos.
 * @param {(file: File) => void} onphoto
 * @param {boolean} unreadable whether the last file was not a picture
 */
export function photoField(onphoto, unreadable) {
  const input = h('input', {type: 'file', accept: 'image/*', className: 'unseen', id: 'photo'});
  input.addEventListener('change', () => {
    if (input.files?.length) onphoto(input.files[0]);
    input.value = '';
  });
  const field = h(
    'div',
    {className: 'drop'},
    h('label', {className: 'primary', htmlFor: 'photo'}, 'Choose a photo'),
    input,
    h('p', {className: 'soft'}, 'or drop one here. It stays in this tab.'),
    unreadable && h('p', {className: 'note', role: 'alert'}, 'This browser cannot read that file. Try a JPEG or PNG.'),
  );
  field.addEventListener('dragover', (event) => {
    event.preventDefault();
    field.classList.add('over');
  });
  field.addEventListener('dragleave', () => field.classList.remove('over'));
  field.addEventListener('drop', (event) => {
    event.preventDefault();
    field.classList.remove('over');
    const file = event.dataTransfer?.files[0];
    if (file) onphoto(file);
  });
  return field;
}
