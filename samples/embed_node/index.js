// SPDX-License-Identifier: MIT
// The addon as JavaScript likes it: a function that returns a promise and takes an AbortSignal.
'use strict';

const path = require('node:path');
const { start } = require(path.resolve(process.env.EMBED_NODE_BUILD ?? __dirname, 'embed_node.node'));

async function greet(name, milliseconds, { signal } = {}) {
  signal?.throwIfAborted();
  const [promise, cancel] = start(name, milliseconds);
  signal?.addEventListener('abort', cancel);
  try {
    return await promise;
  } catch (error) {
    throw error.code === 'ABORT_ERR' && signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

module.exports = { greet };
