//! What the demo shows, step by step.

use crate::shell::Shell;
use anyhow::{Result, ensure};
use std::path::Path;

const ALICE: &str = "0801234567";
const BOB: &str = "0807654321";
/// Begins the monitor's line in the log.
const METRICS: &str = "SERVER METRICS";
/// What atm-cli ends with where the bank says no.
const REJECTED: i32 = 1;

/// Shows everything up to the end of atmd, which is left running.
pub(crate) fn tell(shell: &mut Shell, programs: &Path) -> Result<()> {
    start(shell, programs)?;
    money_moves(shell)?;
    guessing_ends(shell)?;
    an_operator_helps(shell)?;
    what_is_kept(shell)?;
    what_is_seen(shell)
}

/// Ends atmd in order.
pub(crate) fn stop(shell: &mut Shell) -> Result<()> {
    shell.title("An ordered end")?;
    shell.run("kill $atmd; wait $atmd", 0)?;
    shell.say("")?;
    shell.say("That was all. `cargo demo --keep` leaves atmd running to play with.")
}

/// Says what to do with an atmd that was left running.
pub(crate) fn explain_how_to_go_on(shell: &mut Shell, programs: &Path) -> Result<()> {
    let folder = shell.folder().display().to_string();
    let pid =
        shell.wait_for("atmd.pid", |text| Some(text.trim().to_owned()).filter(|pid| !pid.is_empty()))?;
    shell.title("atmd goes on running. In another terminal:")?;
    shell.say(&format!("cd {folder}; . ./env; export PATH={}:$PATH", programs.display()))?;
    shell.say(&format!("atm-cli                      # a conversation; {ALICE} has the PIN 28471"))?;
    shell.say("atmctl status                # or: atmctl blacklist list")?;
    shell.say("tail -f data/bank_server.log")?;
    shell.title("To stop it and remove everything:")?;
    shell.say(&format!("kill {pid}; rm -r {folder}"))
}

fn start(shell: &mut Shell, programs: &Path) -> Result<()> {
    shell.title("A bank of its own: default settings but for ports, and a quicker pace to watch")?;
    shell.run(&format!("cd {}", shell.folder().display()), 0)?;
    shell.run(&format!("export PATH={}:$PATH", programs.display()), 0)?;
    let config = "printf '%s\\n' '[server]' 'host = 127.0.0.1' 'port = 0' 'monitor_interval = 2s' \\\n    \
                  '[operator]' 'listen = 127.0.0.1:0' \\\n    \
                  '[auth]' 'failure_delay = 200ms' 'peer_burst = 100' > config.ini";
    shell.run(config, 0)?;
    shell.run("atmd --config config.ini > atmd.out 2>&1 & atmd=$!; echo $atmd > atmd.pid", 0)?;
    let (customers, operators) = shell.wait_for("atmd.out", |text| {
        let ready = text.lines().find_map(|line| line.strip_prefix("atmd ready: customers "))?;
        let (customers, rest) = ready.split_once(", operators ")?;
        let (operators, _) = rest.split_once(", data ")?;
        Some((customers.to_owned(), operators.to_owned()))
    })?;
    shell.run("cat atmd.out", 0)?;
    let env = format!(
        "printf 'export %s\\n' ATM_SERVER={customers} ATM_CA=$PWD/data/public/ca.pem ATM_TERMINAL=ATM-0001 \\\n    \
         ATMCTL_SERVER={operators} ATMCTL_CA=$PWD/data/public/ca.pem ATMCTL_IDENTITY=$PWD/data/pki/root.pem \\\n    \
         ATM_STATE_DIR=$PWD/state XDG_CACHE_HOME=$PWD/cache XDG_CONFIG_HOME=$PWD/config \\\n    \
         XDG_DATA_HOME=$PWD/share > env; . ./env"
    );
    shell.run(&env, 0)?;
    Ok(())
}

fn money_moves(shell: &mut Shell) -> Result<()> {
    shell.title("Two customers")?;
    shell.run(&format!("echo 28471 | atm-cli register --mobile {ALICE} --pin-stdin"), 0)?;
    shell.run(&format!("echo 50917 | atm-cli register --mobile {BOB} --pin-stdin"), 0)?;
    shell.title("Money in, money out, and a 'no'")?;
    let alice = |command: &str| format!("echo 28471 | atm-cli {command} --mobile {ALICE} --pin-stdin");
    shell.run(&alice("deposit 500.00"), 0)?;
    shell.run(&alice("withdraw 100.00"), 0)?;
    let balance = shell.run(&alice("balance"), 0)?;
    ensure!(balance.contains("400.00"), "the balance is not 400.00");
    shell.run(&alice("withdraw 1000.00"), REJECTED)?;
    shell.title("The conversation that a person has, here from a pipe")?;
    let said = shell.run(&format!("printf '%s\\n' {BOB} 50917 deposit 250 balance exit | atm-cli"), 0)?;
    ensure!(said.contains("250.00"), "the conversation shows no 250.00");
    Ok(())
}

fn guessing_ends(shell: &mut Shell) -> Result<()> {
    shell.title("Somebody is logged in ...")?;
    shell.run("mkfifo live; atm-cli < live > live.out 2>&1 & session=$!; exec 3> live", 0)?;
    shell.run(&format!("printf '%s\\n' {ALICE} 28471 >&3"), 0)?;
    shell.wait_for("live.out", |text| text.contains("You are logged in").then_some(()))?;
    shell.title("... and somebody else guesses the PIN, five times")?;
    let guess = format!("echo 93618 | atm-cli balance --mobile {ALICE} --pin-stdin");
    shell.run(&format!("for n in 1 2 3 4 5; do {guess}; done"), REJECTED)?;
    shell
        .title("The number is on the blacklist: not even the right PIN helps, and the session is refused")?;
    shell.run(&format!("echo 28471 | atm-cli balance --mobile {ALICE} --pin-stdin"), REJECTED)?;
    shell.run("echo balance >&3; exec 3>&-; wait $session; tail -n 3 live.out", 0)?;
    Ok(())
}

fn an_operator_helps(shell: &mut Shell) -> Result<()> {
    shell.title("An operator looks, and takes it off")?;
    let list = shell.run("atmctl blacklist list", 0)?;
    ensure!(list.contains(ALICE), "{ALICE} is not on the blacklist");
    shell.run(&format!("atmctl blacklist show {ALICE}"), 0)?;
    shell.title("What runs there is a plugin; this is all that it can reach")?;
    shell.run("atmctl plugin info blacklist", 0)?;
    shell.title("First without effect, then with it")?;
    let remove = format!("atmctl blacklist remove {ALICE} --reason 'came to the branch with a passport'");
    shell.run(&format!("{remove} --dry-run"), 0)?;
    shell.run(&remove, 0)?;
    shell.run(&format!("atmctl blacklist history {ALICE}"), 0)?;
    let balance = shell.run(&format!("echo 28471 | atm-cli balance --mobile {ALICE} --pin-stdin"), 0)?;
    ensure!(balance.contains("400.00"), "the balance is not 400.00 any more");
    shell.title("Who did that, by which command, is in the audit log")?;
    let audit = shell.run("atmctl audit list --limit 3 -o json", 0)?;
    ensure!(audit.contains("blacklist_remove"), "the audit log does not have it");
    Ok(())
}

fn what_is_kept(shell: &mut Shell) -> Result<()> {
    shell.title("The ledgers, written behind every commit")?;
    shell.wait_for("data/ledger/client.csv", |text| {
        let (_, after) = text.split_once(",unblacklisted,")?;
        after.contains(",login,").then_some(())
    })?;
    shell.run("head -n 1 data/ledger/client.csv; tail -n 12 data/ledger/client.csv", 0)?;
    let bank = shell.run("cat data/ledger/bank.csv", 0)?;
    ensure!(bank.contains("10650.00"), "the vault does not have 10650.00");
    shell.title("What they say: reports need no atmd, only the files")?;
    let statement = shell.run(&format!("atmctl report statement {ALICE}"), 0)?;
    ensure!(statement.contains("400.00"), "the statement does not end with 400.00");
    shell.run("atmctl report daily", 0)?;
    shell.run("atmctl report failures", 0)?;
    Ok(())
}

fn what_is_seen(shell: &mut Shell) -> Result<()> {
    shell.title("The monitor, every two seconds here, and what operators see")?;
    shell.wait_for("data/bank_server.log", |text| text.contains(METRICS).then_some(()))?;
    shell.run(&format!("grep '{METRICS}' data/bank_server.log | tail -n 1"), 0)?;
    shell.run("atmctl status", 0)?;
    shell.run("atmctl monitor show --fail-if 'commit_p99_ms > 10000'", 0)?;
    Ok(())
}
