#!/bin/sh
# A minimal Debian root in FOLDER, unpacked from TARBALL, which is made first where it is not there.
#   base.sh TARBALL FOLDER SUITE PACKAGE,PACKAGE... SOURCES
set -eu
umask 022
tarball=$1 folder=$2 suite=$3 packages=$4 sources=$5

mkdir -p "$(dirname "$tarball")" "$(dirname "$folder")"
exec 9>"$(dirname "$tarball")/base.lock"
flock 9

if [ ! -e "$tarball" ]; then
  # The machine's own sources, trust and proxies are what works here. Translations and manuals are most of what a minimal Debian need not have.
  # What a killed run left in these two places goes first.
  half=$(dirname "$tarball")/half-$(basename "$tarball")
  work=$(dirname "$folder")/building
  rm -rf "$half" "$work"
  mkdir -m 755 "$work"
  # Of another release the same sources have it under its own name.
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mkdir "$work/sources"
  sed "s/\b$release\b/$suite/g" "$sources" >"$work/sources/$(basename "$sources")"
  TMPDIR=$work mmdebstrap --quiet --variant=minbase --include="$packages" --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$suite" "$half" "$work/sources/$(basename "$sources")" 9>&-
  mv "$half" "$tarball"
  rm -rf "$work"
fi

# Roots that no host is an overlay of any more; a young one is about to be.
find "$(dirname "$folder")" -maxdepth 1 -type d -name 'base-*' -cmin +60 | while read -r old; do
  grep -qF "lowerdir=$old," /proc/mounts || rm -rf "$old"
done

mkdir -p "$folder"
tar --directory "$folder" --numeric-owner --extract --file "$tarball"
