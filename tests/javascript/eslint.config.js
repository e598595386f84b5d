import js from '@eslint/js';

const browser = Object.fromEntries(
  [
    'AbortController', 'AudioContext', 'Blob', 'DOMParser', 'File', 'HTMLCanvasElement', 'ImageData', 'URL', 'WebAssembly',
    'Worker', 'addEventListener', 'clearTimeout', 'console', 'createImageBitmap', 'document', 'fetch', 'localStorage',
    'navigator', 'performance', 'postMessage', 'scrollTo', 'setTimeout',
  ].map((name) => [name, 'readonly']),
);

export default [
  js.configs.recommended,
  {
    languageOptions: {globals: browser},
    rules: {eqeqeq: 'error', 'no-var': 'error', 'prefer-const': 'error'},
  },
];
