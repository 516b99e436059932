# The life of the package on a machine: installed, used, upgraded, removed, purged. Runs in a copy of this machine's files
# and a network of its own. $1 and $2 are the package and its upgrade. Ends at the first thing that is not right.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
unset XDG_CONFIG_HOME XDG_CACHE_HOME XDG_STATE_HOME XDG_DATA_HOME CREDENTIALS_DIRECTORY
ip link set lo up
cd /

step() { echo "== $*"; }
fail() { echo "$*" >&2; exit 1; }
# The rest of a line of the unit.
unit() { sed -n "s/^$1=//p" /lib/systemd/system/atmd.service; }

# As systemd would by the unit: its command, user and folder, and a socket that waits for READY=1.
start() {
    rm -f /run/ready
    install -d -o "$(unit User)" -g "$(unit Group)" -m "$(unit StateDirectoryMode)" "/var/lib/$(unit StateDirectory)"
    setsid python3 -c '
import os, socket, subprocess, sys
path = "/run/notify"
if os.path.exists(path): os.unlink(path)
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(path)
os.chmod(path, 0o777)
log = open("/run/output", "a")
environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": path}
daemon = subprocess.Popen(sys.argv[1:], env=environment, stdout=log, stderr=log, cwd="/")
open("/run/pid", "w").write(str(daemon.pid))
while b"READY=1" not in listener.recv(4096): pass
open("/run/ready", "w").close()
daemon.wait()
' setpriv --reuid "$(unit User)" --regid "$(unit Group)" --clear-groups --no-new-privs --inh-caps=-all \
        sh -c "umask $(unit UMask); exec $(unit ExecStart)" </dev/null >/dev/null 2>&1 &
    service=$!
    until [ -e /run/ready ]; do
        kill -0 "$service" || fail "atmd did not start: $(cat /run/output)"
        sleep 0.1
    done
}
stop() {
    kill -TERM "$(cat /run/pid)"
    wait "$service"
}

step install
dpkg --install "$1"
id atmd
[ "$(stat -c %U:%G:%a /etc/atm/config.ini)" = root:atmd:640 ] || fail "config.ini: $(stat -c %U:%G:%a /etc/atm/config.ini)"
dpkg --verify atm-system
systemd-analyze security --offline=true --threshold=15 /lib/systemd/system/atmd.service >/dev/null
atmd config check

step configure and start
sed -i 's/^timezone = .*/timezone = Asia\/Kolkata/' /etc/atm/config.ini
start
cat /run/output

step use
atmctl status
atmctl plugin list
atmctl plugin list -o json | grep -q '"broken"\|unavailable' && fail "a plugin is not available" || true
printf '28471\n' | atm-cli register --mobile 0801234567 --pin-stdin
printf '28471\n' | atm-cli deposit 500 --mobile 0801234567 --pin-stdin
for page in "8 atmd" "1 atm-cli" "1 atmctl" "1 atmctl-blacklist-add" "1 atm-cli-deposit" "8 atmd-config-check"; do
    zcat "/usr/share/man/man${page% *}/${page#* }.${page% *}.gz" | grep -q '^\.SH NAME' || fail "no page $page"
done
for script in bash-completion/completions/ zsh/vendor-completions/_ fish/vendor_completions.d/; do
    for program in atmd atm-cli atmctl; do
        [ -s /usr/share/$script$program ] || [ -s /usr/share/$script$program.fish ] || fail "no completion $script $program"
    done
done

step upgrade
dpkg --install "$2"
grep -qx 'timezone = Asia/Kolkata' /etc/atm/config.ini || fail "the upgrade changed the configuration"
stop
start
printf '28471\n' | atm-cli balance --mobile 0801234567 --pin-stdin -o json | grep -q '"posted":"500.00"'
atmctl ledger verify

step remove and purge
stop
dpkg --remove atm-system
[ -e /etc/atm/config.ini ] || fail "removing took the configuration along"
dpkg --purge atm-system
[ ! -e /etc/atm ] || fail "/etc/atm is left: $(ls /etc/atm)"
[ -e /var/lib/atmd/bank.db ] || fail "the bank is gone"
[ ! -e /usr/lib/atmctl ] || fail "/usr/lib/atmctl is left"
step done
