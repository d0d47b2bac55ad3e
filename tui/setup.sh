# What tui/run.sh and tests/run.sh share: from a fresh Debian 12 to a holm that runs. Sourced, not run.
# Every step looks first and costs nothing when there is nothing to do.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi

# setup_compiler_cache: builds go through ccache where it is installed.
setup_compiler_cache() {
    export CMAKE_C_COMPILER_LAUNCHER CMAKE_CXX_COMPILER_LAUNCHER
    CMAKE_C_COMPILER_LAUNCHER=$(command -v ccache || true)
    CMAKE_CXX_COMPILER_LAUNCHER=$CMAKE_C_COMPILER_LAUNCHER
}
setup_compiler_cache

build_packages=(gcc g++ cmake ninja-build pkg-config protobuf-compiler protobuf-c-compiler libuv1-dev libnghttp2-dev
    libprotobuf-c-dev libjansson-dev libsqlite3-dev libcurl4-openssl-dev libssl-dev libarchive-dev libzstd-dev
    zlib1g-dev libisal-dev libext2fs-dev libslirp-dev libglib2.0-dev libseccomp-dev libncurses-dev libvterm-dev
    libyaml-dev libtomlplusplus-dev libcmocka-dev)
kernel_packages=(linux-source-6.12 make flex bison bc libelf-dev libssl-dev patch xz-utils)
run_packages=(qemu-system-x86 qemu-system-common busybox-static)

# setup_packages PACKAGE...: installs those that are missing. What was looked up once is not looked up again until
# something is installed or removed.
setup_packages() {
    local missing looked_up
    looked_up=$root/build/packages-$(cksum <<<"$*" | cut -d' ' -f1)
    if [ "$looked_up" -nt /var/lib/dpkg/status ]; then return; fi
    # dpkg-query fails where a package is not known, which is what is asked.
    missing=$({ dpkg-query -W -f '${Package} ${Status}\n' "$@" 2>/dev/null || true; } |
        awk '/ok installed/ { print $1 }' | sort -u | comm -13 - <(printf '%s\n' "$@" | sort -u))
    if [ -z "$missing" ]; then
        mkdir -p "$root/build"
        touch "$looked_up"
        return
    fi
    setup_install $missing
}

# setup_install PACKAGE...: installs them, whatever is there.
setup_install() {
    echo "installing Debian packages: $*" >&2
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# setup_build PRESET: configures once, builds what has changed.
setup_build() {
    local tree=$root/build/$1
    if [ ! -f "$tree/build.ninja" ]; then
        echo "configuring $1" >&2
        (cd "$root" && cmake --preset "$1") >&2
    fi
    ninja -C "$tree" --quiet | sed "/no work to do/d" >&2
}

# setup_busybox_root FOLDER: fills a new folder with a root file system of Debian's busybox.
setup_busybox_root() {
    mkdir -p "$1"/{bin,dev,etc,home,proc,root,sys,tmp,usr,var} "$1/usr"/{bin,sbin} "$1/sbin"
    chmod 1777 "$1/tmp"
    cp /bin/busybox "$1/bin/busybox"
    busybox --list | while read -r applet; do
        if [ "$applet" != busybox ]; then ln -s busybox "$1/bin/$applet"; fi
    done
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$1/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$1/etc/group"
}

# setup_import HOLM FOLDER IMAGE: an image of one layer, whose root file system is the folder's.
setup_import() {
    tar -C "$2" --owner=0 --group=0 --numeric-owner --sort=name -cf "$2.tar" .
    "$1" image import --change 'CMD ["sh"]' --change 'ENV PATH=/bin:/sbin:/usr/bin:/usr/sbin' "$2.tar" "$3" >/dev/null
    rm "$2.tar"
}

# setup_busybox HOLM: a local image from Debian's busybox, so that there is something to run with no network at all.
setup_busybox() (
    if "$1" image inspect busybox:latest >/dev/null 2>&1; then return; fi
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    setup_busybox_root "$folder/root"
    setup_import "$1" "$folder/root" busybox:latest
)
