// node run_snippet.mjs SNIPPET BUNDLE_URL WASM_DIR prints as JSON what the snippet's checkGolden returns.
import './node_shim.mjs';
import {copyFile, rm} from 'node:fs/promises';
import {pathToFileURL} from 'node:url';

const [snippet, bundleUrl, wasmDir] = process.argv.slice(2);

// the snippet's import of @litertjs/core is looked up from where the snippet lies: node_modules is here
const copy = new URL(`./snippet_${process.pid}.mjs`, import.meta.url);
await copyFile(snippet, copy);
try {
  const {loadModel, checkGolden} = await import(copy.href);
  const model = await loadModel(bundleUrl.replace(/\/$/, ''), pathToFileURL(wasmDir).href);
  console.log(JSON.stringify(await checkGolden(model, bundleUrl.replace(/\/$/, ''))));
} finally {
  await rm(copy);
}
