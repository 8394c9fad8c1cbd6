#!/usr/bin/env bash
# Unpacks Debian's syslog-ng and its libraries into a folder, for test/e2e/syslog-ng.e2e.ts. Installing it would remove
# rsyslog, which other tests need. Then: SYSLOG_NG_ROOT=FOLDER npm run test:e2e -- syslog-ng
# usage: unpack-syslog-ng.sh FOLDER
set -euo pipefail
mkdir -p "${1:?usage: unpack-syslog-ng.sh FOLDER}"
root=$(realpath "$1")
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
cd "$packages"
apt-get -o APT::Sandbox::User=root download -qq syslog-ng-core libivykis0 libnet1 libwrap0 libpcre3 libjson-c5
for package in ./*.deb; do dpkg -x "$package" "$root"; done
