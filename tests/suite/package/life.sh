# The life of the package on a machine: installed, used, upgraded, removed, purged. Runs in a copy of this machine's files
# and a network of its own. $1 and $2 are the package and its upgrade. Ends at the first thing that is not right.
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
unset XDG_CONFIG_HOME XDG_CACHE_HOME XDG_STATE_HOME XDG_DATA_HOME CREDENTIALS_DIRECTORY
ip link set lo up
cd /

step() { echo "== $*"; }
fail() { echo "$*" >&2; exit 1; }
# As systemd would by the unit.
start() { /mnt/systemctl.py start atmd; }
stop() { /mnt/systemctl.py stop atmd; }

step install
dpkg --install "$1"
id atmd
[ "$(stat -c %U:%G:%a /etc/atm/config.ini)" = root:atmd:640 ] || fail "config.ini: $(stat -c %U:%G:%a /etc/atm/config.ini)"
dpkg --verify atm-system
systemd-analyze security --offline=true --threshold=15 /lib/systemd/system/atmd.service >/dev/null
atmd config check

step help starts no plugin
install -d -o nobody /run/nobody
strace -f -e trace=execve,execveat -o /run/trace setpriv --reuid nobody --clear-groups env HOME=/run/nobody \
    atmctl help blacklist add >/run/help
grep -q -- --reason /run/help || fail "no help: $(cat /run/help)"
grep 'exec.* = 0' /run/trace | grep -v '"/usr/bin/\(setpriv\|env\|atmctl\)"' && fail "a plugin was started" || true
[ ! -e /run/nobody/.cache/atm/plugins.index ] || fail "the plugins were asked again"

step configure and start
sed -i 's/^timezone = .*/timezone = Asia\/Kolkata/' /etc/atm/config.ini
start
cat /run/atmd.output

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
[ ! -e /var/cache/atm ] || fail "/var/cache/atm is left"
[ ! -e /usr/lib/atmctl ] || fail "/usr/lib/atmctl is left"
step done
