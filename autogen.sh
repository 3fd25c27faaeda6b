#!/bin/sh
# Makes ./configure from configure.ac; needs autoconf and automake.
set -e
cd "$(dirname "$0")"
for tool in autoreconf automake pkg-config; do
	command -v "$tool" >/dev/null || {
		echo "autogen.sh: $tool is missing; on Debian: apt-get install autoconf automake pkg-config" >&2
		exit 1
	}
done
autoreconf --install --warnings=all,no-obsolete
# configure removes core dumps when it ends; our folder core/ is none.
sed -i 's/rm -f core /rm -f /' configure
