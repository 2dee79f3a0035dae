#!/usr/bin/env node
// In the repository before the build, so that npm can link the command in a fresh clone.
import '@stillhouse/cli';
