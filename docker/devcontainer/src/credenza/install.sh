#!/bin/sh
# Puts Credenza's static binary into a dev container, with what starts its forwarder. Runs as root while the image is made; it
# fetches nothing. The binary lies beside this file, as `docker/build --binary amd64 FOLDER` makes it (FOLDER/root/credenza).
set -eu
here=$(cd "$(dirname "$0")" && pwd)

case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) echo "credenza: no binary for $(uname -m)" >&2; exit 1 ;;
esac
if [ ! -f "$here/credenza-$arch" ]; then
    echo "credenza: there is no credenza-$arch beside install.sh: docker/build --binary $arch FOLDER makes it" >&2
    exit 1
fi
cp "$here/credenza-$arch" /usr/local/bin/credenza
chmod 0755 /usr/local/bin/credenza

mkdir -p /usr/local/share/credenza
cat > /usr/local/share/credenza/start << 'END'
#!/bin/sh
# Runs whenever the container starts: passes 127.0.0.1:9711, where SDKs ask, on to the daemon's socket. Should it ever end, it is
# started again.
(while :; do
    /usr/local/bin/credenza relay --forward 127.0.0.1:9711
    sleep 5
done) > /tmp/credenza-relay.log 2>&1 &
exec "$@"
END
chmod 0755 /usr/local/share/credenza/start

# Clients of Azure read no file, so whatever begins by a login shell has the token in its environment; editors begin so.
if [ -n "${AZURE:-}" ]; then
    mkdir -p /etc/profile.d
    cat > /etc/profile.d/credenza.sh << END
if [ -r /run/credenza-grant/token ]; then
    export IDENTITY_ENDPOINT='http://127.0.0.1:9711/azure/$AZURE/token'
    export IDENTITY_HEADER="\$(cat /run/credenza-grant/token)"
    export AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential
fi
END
    chmod 0644 /etc/profile.d/credenza.sh
fi
