#!/bin/sh
# install.sh FOLDER LOCKED OWN: the virtual environment FOLDER/venv from an archive of locked wheels and our own wheel, which lie in
# FOLDER. The file that says that something is installed is written last, so what was interrupted is done again.
set -eu
# The services' accounts read it, whatever root's own files are for.
umask 022
folder=$1 locked=$2 own=$3
venv=$folder/venv
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

install() { "$venv/bin/python" -m pip install --quiet --no-index --no-deps --no-compile "$@"; }

if [ ! -e "$venv/.$locked" ]; then
  # System packages are seen for the sake of libvirt's and nftables' bindings, which are the distribution's; of the others
  # none counts as installed.
  /usr/bin/python3 -m venv --clear --system-site-packages "$venv"
  mkdir "$venv/wheels"
  tar --extract --file "$folder/$locked" --directory "$venv/wheels"
  install --ignore-installed "$venv"/wheels/*.whl
  rm -rf "$venv/wheels" "$folder"/locked-*.tar
  : >"$venv/.$locked"
fi

rm -f "$venv"/.tinstack-*
install --force-reinstall "$folder/$own"
rm -f "$folder"/tinstack-*.whl
# Docstrings, and columns in tracebacks, are not worth megabytes in every process.
sed -i '1s/$/ -OO/' "$venv/bin/tinstack"
PYTHONNODEBUGRANGES=1 "$venv/bin/python" -m compileall -q -j 0 -o 2 "$venv/lib"
: >"$venv/.$own"
