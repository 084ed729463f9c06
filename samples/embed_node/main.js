// SPDX-License-Identifier: MIT
// What a program does with the addon: promises, aborts, workers, and an end by itself.
'use strict';

const { once } = require('node:events');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { greet } = require('./index.js');

const hour = 3600e3;
const failure = (promise) => promise.then(() => 'no failure', (error) => error);

async function main() {
  console.log(await greet('world', 1));

  const order = [];
  await Promise.all(['slow', 'fast'].map(async (name, i) => {
    order.push(await greet(name, i === 0 ? 40 : 1));
  }));
  console.log(order.join(', then '));

  // Whoever waits goes on when the job has ended, though node has nothing to call for long.
  let late = false;
  const next = setTimeout(() => { late = true; }, 5000);
  await greet('turn', 5);
  await greet('turn', 0);
  clearTimeout(next);
  console.log(late ? 'whoever waits goes on with the next callback' : 'whoever waits goes on at once');

  console.log((await failure(greet('', 1))).message);

  const abort = new AbortController();
  const pending = failure(greet('nobody', hour, { signal: abort.signal }));
  setTimeout(() => abort.abort(), 1);
  console.log((await pending).name);
  console.log((await failure(greet('nobody', hour, { signal: AbortSignal.abort() }))).name);
  console.log((await failure(greet('nobody', hour, { signal: AbortSignal.timeout(1) }))).name);

  // Each worker has a loop of its own, and ends by itself.
  const workers = ['one', 'two'].map(async (name) => {
    const worker = new Worker(__filename, { workerData: { name } });
    const [[said], [status]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
    return `worker: ${said}, status ${status}`;
  });
  (await Promise.all(workers)).forEach((line) => console.log(line));
  // Or is ended while it waits.
  const waiting = new Worker(__filename, { workerData: { name: 'three', forever: true } });
  await once(waiting, 'message');
  console.log(`terminated: ${await waiting.terminate()}`);

  process.on('exit', () => console.log('nothing is pending: node ends by itself'));
}

async function work({ name, forever }) {
  if (forever) {
    greet(name, hour);
    parentPort.postMessage('waiting');
  } else {
    parentPort.postMessage(await greet(name, 1));
  }
}

if (process.argv[2] === 'exit') {
  greet('nobody', hour);
  setImmediate(() => process.exit(3));
} else {
  isMainThread ? main() : work(workerData);
}
