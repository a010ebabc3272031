#!/bin/sh
# Builds the image where none can be fetched: on a base made of Debian's packages, by buildah in a chroot. Then the server
# in it runs as its user on a read-only root, and has to be ready and to take a registration.
#
#     sh deploy/build-from-debian.sh TAG [OPTION OF buildah build ...]
#
# As root, with buildah, debootstrap, curl and util-linux.
set -eu

tag=${1:?give a tag}
shift
cd "$(dirname "$0")/.."
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
work=$(mktemp -d)
container=
server=
finish() {
    [ -z "$server" ] || kill "$server" 2> /dev/null || true
    [ -z "$container" ] || { buildah umount "$container" && buildah rm "$container"; } > /dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT

if ! buildah inspect "$tag-base" > /dev/null 2>&1; then
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,python-is-python3 bookworm "$work/root" > "$work/log"
    container=$(buildah from scratch)
    buildah copy --quiet "$container" "$work/root" / > /dev/null
    buildah commit --quiet --rm "$container" "$tag-base" > /dev/null
    container=
    rm -rf "$work/root"
fi
buildah build --quiet --format docker --file deploy/Containerfile --build-arg "BASE=localhost/$tag-base" --tag "$tag" "$@" .
buildah images "$tag"

# What a container's runtime would do: the user, the places that are written, and a root that is not.
container=$(buildah from "$tag")
root=$(buildah mount "$container")
port=${PORT:-18502}
chroot "$root" /opt/model-registry/bin/python -c "
import pickle
from sklearn.linear_model import LogisticRegression
print(pickle.dumps(LogisticRegression().fit([[0.0], [1.0]], [0, 1])).hex())" | xxd -r -p > "$work/model.pkl"
unshare --mount sh -c '
    mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"
    for place in data keys tmp; do mount -t tmpfs -o mode=0700,uid=10001,gid=10001 tmpfs "$1/$place"; done
    mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
    exec chroot --userspec=10001:10001 "$1" env -i PATH=/opt/model-registry/bin:/usr/bin:/bin HOME=/data PYTHONDONTWRITEBYTECODE=1 \
        MODEL_REGISTRY_KEYS=/keys MODEL_REGISTRY_CACHE=/data/cache \
        sh -c "touch /written 2> /dev/null && echo the root can be written && exit 1
            exec model-registry serve --registry /data/registry --port $2 --log json"' sh "$root" "$port" &
server=$!
api=http://127.0.0.1:$port/api/v1
began=$(date +%s%N)
until curl -fsS "http://127.0.0.1:$port/readyz" 2> /dev/null; do
    kill -0 "$server"
    sleep 0.1
done
echo " ready after $((($(date +%s%N) - began) / 1000000)) ms"
upload=$(curl -fsS -X POST "$api/uploads" | sed 's/.*"upload":"\([^"]*\)".*/\1/')
curl -fsS -X PATCH -H "Upload-Offset: 0" -H "Content-Type: application/octet-stream" --data-binary "@$work/model.pkl" "$api/uploads/$upload"
sha256=$(sha256sum "$work/model.pkl" | cut -d" " -f1)
curl -fsS -H "Content-Type: application/json" -H "Idempotency-Key: first" "$api/upload" -d "{
    \"model_file\": {\"upload\": \"$upload\", \"sha256\": \"$sha256\", \"name\": \"model.pkl\"},
    \"metadata\": {\"model_name\": \"Churn\", \"model_type\": \"LogisticRegression\"}}" > /dev/null
curl -fsS "$api/checks/first?wait=60" | tee "$work/check"
echo
grep -q '"state":"registered"' "$work/check"
