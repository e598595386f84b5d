import assert from 'node:assert/strict';
import test from 'node:test';
import {COUNT_FROM, next, START, targetOf} from '../../../fer_lightning/play/www/game.js';

const HIT = {ok: true, score: 0.5, face: {}, others: 0, frame: 0};
const MISS = {ok: false, why: 'no-face'};

/** The state after a list of events, each a type or an object. */
function play(...events) {
  return events.reduce((state, event) => next(state, typeof event === 'string' ? {type: event} : event), START);
}
const choose = (mode, source = 'camera') => {
  const targets = mode === 'acts' ? [5, 2, 0, 3, 1] : [3];
  return {type: 'choose', mode, source, targets, person: 1};
};
const seen = (outcome) => ({type: 'seen', outcome});
const opened = ['start', 'loaded'];
const countedDown = Array(COUNT_FROM).fill('tick');
const again = {type: 'again', targets: [4], person: 0};

test('the way to the menu', () => {
  assert.equal(play().name, 'welcome');
  assert.equal(play('start').name, 'loading');
  assert.equal(play('start', {type: 'progress', progress: 0.5}).progress, 0.5);
  assert.equal(play(...opened).name, 'menu');
});

test('loading that fails can be tried again', () => {
  const broken = play('start', {type: 'failed', defect: 'loading'});
  assert.equal(broken.name, 'broken');
  assert.equal(next(broken, {type: 'start'}).name, 'loading');
});

test('each defect has a way out', () => {
  for (const defect of ['no-wasm', 'no-simd', 'loading', 'model']) {
    const broken = play('start', {type: 'failed', defect});
    assert.equal(broken.defect, defect);
    assert.equal(next(broken, {type: 'start'}).name, 'loading');
  }
});

test('classic from the camera to another round', () => {
  const result = play(...opened, choose('classic'), 'camera-on', 'go', ...countedDown, seen(HIT));
  assert.equal(result.name, 'result');
  assert.deepEqual(result.round.hits, [HIT]);
  const another = next(result, again);
  assert.equal(another.name, 'asking');
  assert.deepEqual([another.round.targets, another.round.hits], [[4], []]);
});

test('the countdown goes 4, 3, 2, 1 and then looks', () => {
  let state = play(...opened, choose('classic'), 'camera-on', 'go');
  const counts = [];
  for (; state.name === 'countdown'; state = next(state, {type: 'tick'})) counts.push(state.count);
  assert.deepEqual(counts, [4, 3, 2, 1]);
  assert.equal(state.name, 'looking');
});

test('five acts end with the curtain call', () => {
  let state = play(...opened, choose('acts'), 'camera-on', 'go');
  const targets = [];
  for (let act = 0; act < 5; act += 1) {
    targets.push(targetOf(state.round));
    state = [...countedDown, seen(HIT)].reduce((at, event) => next(at, typeof event === 'string' ? {type: event} : event), state);
    assert.equal(state.name, 'result');
    state = next(state, {type: 'go'});
  }
  assert.equal(state.name, 'curtain');
  assert.deepEqual(targets, [5, 2, 0, 3, 1]);
});

test('a miss scores nothing and repeats its act', () => {
  const missed = play(...opened, choose('acts'), 'camera-on', 'go', ...countedDown, seen(MISS));
  assert.equal(missed.name, 'missed');
  assert.deepEqual(missed.round.hits, []);
  const repeated = next(missed, {type: 'go'});
  assert.equal(repeated.name, 'countdown');
  assert.equal(targetOf(repeated.round), 5);
});

test('a camera that fails is explained and can be tried again, or left out', () => {
  for (const trouble of ['denied', 'dismissed', 'missing', 'in-use', 'insecure', 'other']) {
    const state = play(...opened, choose('classic'), {type: 'camera-off', trouble});
    assert.deepEqual([state.name, state.trouble], ['trouble', trouble]);
    assert.equal(next(state, {type: 'go'}).name, 'asking');
    const photos = next(state, {type: 'use-photos'});
    assert.deepEqual([photos.name, photos.round.source], ['ready', 'photo']);
  }
});

test('a camera that ends in mid-round keeps the acts that were played', () => {
  const ended = {type: 'camera-off', trouble: 'ended'};
  const state = play(...opened, choose('acts'), 'camera-on', 'go', ...countedDown, seen(HIT), 'go', ended);
  assert.equal(state.name, 'trouble');
  assert.equal(state.round.hits.length, 1);
  assert.equal(next(next(state, {type: 'go'}), {type: 'camera-on'}).name, 'ready');
});

test('a camera that ends after the picture does not matter', () => {
  const state = play(...opened, choose('classic'), 'camera-on', 'go', ...countedDown, seen(HIT));
  assert.equal(next(state, {type: 'camera-off', trouble: 'ended'}), state);
});

test('a hidden tab pauses a countdown and a picture of the camera, nothing else', () => {
  const way = [...opened, choose('classic'), 'camera-on', 'go'];
  for (const under of [way, [...way, ...countedDown]]) {
    const paused = play(...under, 'hidden');
    assert.equal(paused.name, 'paused');
    assert.equal(next(paused, {type: 'go'}).name, 'asking');
  }
  const photo = [...opened, choose('classic', 'photo'), 'photo'];
  for (const idle of [opened, way.slice(0, -1), [...opened, choose('mirror'), 'camera-on'], photo]) {
    const state = play(...idle);
    assert.equal(next(state, {type: 'hidden'}), state);
  }
});

test('photos need no camera and no countdown', () => {
  const ready = play(...opened, choose('classic', 'photo'));
  assert.equal(ready.name, 'ready');
  assert.equal(next(ready, {type: 'go'}), ready);
  assert.equal(next(ready, {type: 'unreadable'}).unreadable, true);
  const result = play(...opened, choose('acts', 'photo'), 'photo', seen(HIT));
  assert.equal(result.name, 'result');
  assert.equal(next(result, {type: 'go'}).name, 'ready');
});

test('the mirror has no round to lose', () => {
  const mirror = play(...opened, choose('mirror'), 'camera-on');
  assert.equal(mirror.name, 'mirror');
  assert.equal(next(mirror, {type: 'camera-off', trouble: 'ended'}).name, 'trouble');
  assert.equal(next(mirror, {type: 'use-photos'}).round.source, 'photo');
});

test('the menu is one step away from every state of a round, and not before loading', () => {
  const way = [...opened, choose('acts'), 'camera-on', 'go', ...countedDown, seen(HIT)];
  for (let length = 3; length <= way.length; length += 1) {
    assert.equal(play(...way.slice(0, length), 'menu').name, 'menu');
  }
  assert.equal(play('start', 'menu').name, 'loading');
});

test('late answers change nothing', () => {
  const menu = play(...opened);
  for (const event of ['tick', 'camera-on', 'go', 'photo', 'hidden', 'unreadable']) {
    assert.equal(next(menu, {type: event}), menu);
  }
  assert.equal(next(menu, seen(HIT)), menu);
  assert.equal(next(menu, {type: 'camera-off', trouble: 'ended'}), menu);
  assert.equal(next(menu, again), menu);
});
