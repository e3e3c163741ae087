#!/bin/sh
# W8: what the courier signs verifies with the official libraries, and what they sign verifies in the sink. Needs node and npm; without
# them, or without the registry, this test is skipped.
set -eu
skip() {
  echo "skipped: $1"
  exit 77
}
command -v node > /dev/null || skip "node is not installed"
command -v npm > /dev/null || skip "npm is not installed"
work="$KAIROS_BUILD/clients/webhooks"
mkdir -p "$work"
cp "$KAIROS_SOURCE/tests/clients/webhooks.mjs" "$work/"
cd "$work"
if [ ! -d node_modules/standardwebhooks ] || [ ! -d node_modules/svix ]; then
  echo '{"private":true,"type":"module"}' > package.json
  timeout 120 npm install --no-audit --no-fund --loglevel=error standardwebhooks@1.1 svix@1.99 || skip "npm could not install standardwebhooks and svix"
fi
exec timeout 120 node webhooks.mjs "$KAIROS_BUILD/tests/webhook_peer"
