// LiteRT.js expects a browser or a worker, and loads its wasm by importScripts, which Node lacks.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname} from 'node:path';
import {fileURLToPath} from 'node:url';
import {runInThisContext} from 'node:vm';

globalThis.self = globalThis;
globalThis.importScripts = (url) => {
  const path = fileURLToPath(url);
  globalThis.require = createRequire(path);
  globalThis.__filename = path;
  globalThis.__dirname = dirname(path);
  runInThisContext(readFileSync(path, 'utf8'), {filename: path});
};
