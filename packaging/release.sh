# What packaging/deb and packaging/archive share; they read it (`.`). Needs bash.
#
# Everything that is packed is made of the build folder and of the commit: the same build gives the same bytes.
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname "$here")"

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Times of all files: those of the commit. SOURCE_DATE_EPOCH overrides it (reproducible-builds.org).
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || true)}"
[[ -n "$SOURCE_DATE_EPOCH" ]] || fail "expected SOURCE_DATE_EPOCH (seconds since 1970) outside a checkout, found none"
export SOURCE_DATE_EPOCH

# From 1, quick, to 9; packaging/check packs with 1.
PACK_LEVEL="${PACK_LEVEL:-6}"

# release_version BINARY: 0.1.0 of a commit that has the tag v0.1.0; of others what sorts before it, with time and commit.
release_version() {
  local version commit
  version="$("$1" --version)"
  commit="$("$1" version --json | sed -n 's/^  "commit": "\([0-9a-f]\{10\}\).*/\1/p')"
  if ! git -C "$root" tag --points-at HEAD 2>/dev/null | grep -qxF "v$version"; then
    version+="~git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M)${commit:+.$commit}"
  fi
  if "$1" version --json | grep -q '"changed": true'; then version+="+changed"; fi
  printf '%s\n' "$version"
}

# stage BUILD FOLDER PREFIX: installs into FOLDER, stripped.
stage() {
  [[ -x "$1/upnext" && -f "$1/cmake_install.cmake" ]] ||
    fail "expected a build folder with upnext in it, found none at $1: make build"
  DESTDIR="$2" cmake --install "$1" --component runtime --prefix "$3" --strip >/dev/null
  find "$2$3/lib/upnext" -name '*.so*' -exec strip --strip-unneeded --remove-section=.comment --remove-section=.note {} +
  find "$2" -type f -exec chmod 644 {} +
  chmod 755 "$2$3/bin/upnext"
}

# settle FOLDER: modes that do not depend on the umask, and the times of the commit. When all files are there.
settle() {
  find "$1" \( -type d -o -type f -perm -u+x \) -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
  find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

# library_packages FOLDER PREFIX: the packages of Debian that the program needs, as Depends has them.
library_packages() {
  local work
  work="$(mktemp -d)"
  mkdir "$work/debian"
  printf 'Source: upnext\n\nPackage: upnext\nArchitecture: any\n' >"$work/debian/control"
  (cd "$work" && dpkg-shlibdeps --ignore-missing-info -O -l"$1$2/lib/upnext" -e"$1$2/bin/upnext" \
    $(find "$1$2/lib/upnext" -name '*.so*' -printf '-e%p ' 2>/dev/null) 2>"$work/said") |
    sed 's/^shlibs:Depends=//' || { cat "$work/said" >&2; fail "dpkg-shlibdeps failed"; }
  rm -rf "$work"
}
