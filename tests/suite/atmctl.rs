//! atmctl as operators meet it: exit codes, formats, and plugins that misbehave, against the real atmd.

use atm_rpc::types::mobile::MobileNumber;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::{self, Outcome};
use atm_tests::programs::programs;
use atm_tests::wait::eventually;
use atm_tests::{bank, books, csv};
use serde_json::{Value, json};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const REASON: &str = "=1+1, \"quoted\"";

fn number(n: u32) -> String {
    bank::number(n).full()
}

/// A copy of atmctl and its bundled plugins, with plugins of the test's beside them.
struct Tools {
    folder: TempDir,
}

impl Tools {
    fn new() -> Self {
        let tools = Self { folder: TempDir::with_prefix("atmctl-").unwrap() };
        for name in ["atmctl", "atmctl-blacklist"] {
            let mut copy = Command::new("cp");
            copy.arg(programs().path(name)).arg(tools.path(name));
            let _ = process::run(copy, "").coded(0);
        }
        tools
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A plugin that is a shell script: `commands` is what it says of its commands.
    ///
    /// Another process writes it: what this one has open for writing, another thread's child may hold for a
    /// moment, and then it cannot be run.
    fn plugin(&self, name: &str, commands: &Value, script: &str) {
        let description =
            json!({ "protocol": 1, "name": name, "version": "1", "summary": "Tests", "commands": commands });
        self.script(
            name,
            &format!("case $1 in --atmctl-describe) echo '{description}'; exit;; esac\n{script}"),
        );
    }

    fn script(&self, name: &str, script: &str) {
        let mut command = Command::new("sh");
        command.args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(self.path(&format!("atmctl-{name}")));
        let _ = process::run(command, &format!("#!/bin/sh\n{script}\n")).coded(0);
    }

    /// atmctl, seeing nothing of who runs the tests.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("atmctl"));
        command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path()).current_dir(self.folder.path()).args(arguments);
        command
    }

    /// The same as the first operator.
    fn operator(&self, atmd: &Atmd, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("ATMCTL_SERVER", atmd.operators().to_string()).env("ATMCTL_CA", atmd.ca());
        command.env("ATMCTL_IDENTITY", atmd.root_identity());
        command
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        process::run(self.command(arguments), "")
    }

    fn operate(&self, atmd: &Atmd, arguments: &[&str]) -> Outcome {
        process::run(self.operator(atmd, arguments), "")
    }
}

/// One command `go`, which prints rows with these columns.
fn rows(connection: &str, columns: &[(&str, &str)]) -> Value {
    let columns: Vec<Value> =
        columns.iter().map(|(name, kind)| json!({ "name": name, "kind": kind })).collect();
    json!([{ "name": "go", "summary": "Goes", "connection": connection, "output": "rows",
        "capabilities": ["status:read", "blacklist:write", "accounts:pii"],
        "schema": { "name": "test.go/1", "columns": columns } }])
}

/// The error object that a failed command with `-o json` leaves on stderr.
fn error(outcome: &Outcome) -> Value {
    assert_eq!(outcome.stdout, "", "{outcome}");
    let object: Value =
        serde_json::from_str(&outcome.stderr).unwrap_or_else(|error| panic!("{error}: {outcome}"));
    object["error"].clone()
}

/// The rows of `-o json`, of that schema.
fn data(outcome: &Outcome, schema: &str) -> Vec<Value> {
    let json = outcome.json();
    assert_eq!(json["schema"], schema, "{json}");
    assert_eq!(json["warnings"], json!([]), "{json}");
    let rows = json["data"].as_array().unwrap().clone();
    // Amounts and 64-bit numbers are texts, because a reader may take a number for a float.
    let fields = rows.iter().flat_map(|row| row.as_object().unwrap().values());
    assert!(fields.into_iter().all(|field| !field.is_number()), "{json}");
    rows
}

fn one(outcome: &Outcome, schema: &str) -> Value {
    let rows = data(outcome, schema);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0].clone()
}

/// The arguments of `blacklist COMMAND` for a customer.
fn blacklist<'a>(command: &'a str, number: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["blacklist", command, number, "-o", "json"], rest].concat()
}

fn is_listed(atmd: &Atmd, mobile: MobileNumber) -> bool {
    let shown = atmd.ctl(&["blacklist", "show", &mobile.full()]);
    assert!([Some(0), Some(4)].contains(&shown.code), "{shown}");
    shown.code == Some(0)
}

#[test]
fn without_atmd_a_command_that_needs_it_says_so() {
    let mut atmd = Atmd::start(&Options::default());
    assert!(atmd.stop().success());
    let table: &[&[&str]] = &[
        &["status"],
        &["api", "whoami"],
        &["blacklist", "list"],
        &["blacklist", "show", "0712345678"],
        &["blacklist", "add", "0712345678", "--reason", "a test"],
        &["blacklist", "remove", "0712345678", "--reason", "a test"],
        &["blacklist", "history"],
    ];
    for arguments in table {
        let failed = atmd.ctl(&[arguments, &["-o", "json"][..]].concat()).coded(69);
        assert_eq!(error(&failed)["code"], "unreachable", "{failed}");
        let failed = atmd.ctl(arguments).coded(69);
        assert!(failed.stderr.contains("is atmd running"), "{failed}");
    }
    for arguments in
        [&["version"][..], &["plugin", "list"], &["config", "show"], &["help", "blacklist", "add"]]
    {
        let _ = atmd.ctl(arguments).coded(0);
    }
}

#[test]
fn each_command_prints_its_rows_for_programs() {
    let atmd = Atmd::start(&Options::default());
    let number = number(1);
    let add = ["blacklist", "add", &number, "--reason", REASON];
    let remove = ["blacklist", "remove", &number, "--reason", REASON];
    let table: &[(&[&str], &str)] = &[
        (&["status"], "atmctl.status/1"),
        (&["version"], "atmctl.version/1"),
        (&["config", "show"], "atmctl.config.show/1"),
        (&["config", "show", "--origin"], "atmctl.config.show/1"),
        (&["plugin", "list"], "atmctl.plugin.list/1"),
        (&["plugin", "info", "blacklist"], "atmctl.plugin.info/1"),
        (&add, "atmctl.blacklist.add/1"),
        (&["blacklist", "list"], "atmctl.blacklist.list/1"),
        (&["blacklist", "show", &number], "atmctl.blacklist.show/1"),
        (&["blacklist", "history"], "atmctl.blacklist.history/1"),
        (&["blacklist", "history", &number], "atmctl.blacklist.history/1"),
        (&remove, "atmctl.blacklist.remove/1"),
    ];
    for (arguments, schema) in table {
        let rows = data(&atmd.ctl(&[arguments, &["-o", "json"][..]].concat()), schema);
        let printed = atmd.ctl(&[arguments, &["-o", "csv"][..]].concat()).coded(0);
        let records = csv::parse(&printed.stdout.replace("\r\n", "\n")).unwrap();
        let columns = rows[0].as_object().unwrap().keys();
        assert_eq!(records.len(), rows.len() + 1, "{printed}");
        assert!(
            columns.clone().count() == records[0].len()
                && columns.into_iter().all(|c| records[0].contains(c))
        );
        if printed.stdout.contains("1+1") {
            assert!(records.iter().flatten().any(|field| *field == format!("'{REASON}")), "{printed}");
        }
        assert!(!atmd.ctl(arguments).coded(0).stdout.is_empty());
    }
    let rows = data(&atmd.ctl(&["blacklist", "list", "-o", "json"]), "atmctl.blacklist.list/1");
    assert_eq!(rows, Vec::<Value>::new());
}

#[test]
fn amounts_are_in_the_currency_of_the_bank() {
    let tools = Tools::new();
    let script = "echo '{\"amount\":-12345}'; echo '{\"amount\":null}'";
    tools.plugin("cash", &rows("required", &[("amount", "money")]), script);
    tools.plugin("guess", &rows("none", &[("amount", "money")]), script);
    let of = |settings: &[(&str, &str)]| {
        let options =
            settings.iter().fold(Options::default(), |options, (key, value)| options.set(key, value));
        let atmd = Atmd::start(&options);
        let status = one(&tools.operate(&atmd, &["status", "-o", "json"]), "atmctl.status/1");
        let amounts = tools.operate(&atmd, &["cash", "go", "-o", "csv"]).coded(0).stdout;
        (status["vault_balance"].clone(), status["currency"].clone(), amounts)
    };
    let yen = [
        ("bank.currency", "JPY"),
        ("bank.amount_max", "1000000"),
        ("bank.opening_vault", "10000"),
        ("bank.opening_customer", "0"),
        ("limits.withdraw_min", "100"),
        ("limits.withdraw_max", "5000"),
        ("limits.withdraw_multiple", "10"),
    ];
    assert_eq!(of(&yen), (json!("10000"), json!("JPY"), "amount\r\n-12345\r\n\r\n".to_owned()));
    assert_eq!(of(&[]), (json!("10000.00"), json!("INR"), "amount\r\n-123.45\r\n\r\n".to_owned()));
    let refused = tools.run(&["guess", "go"]).coded(76);
    assert!(refused.stderr.contains("only atmd knows their currency"), "{refused}");
}

#[test]
fn a_change_can_be_tried_and_repeated() {
    let atmd = Atmd::start(&Options::default());
    let (mobile, number) = (bank::number(1), number(1));
    let why = ["--reason", "a test"];
    let change = |command: &str, rest: &[&str]| {
        let arguments = blacklist(command, &number, &[&why[..], rest].concat()).join("\n");
        let outcome = atmd.ctl(&arguments.split('\n').collect::<Vec<_>>());
        let row = one(&outcome, &format!("atmctl.blacklist.{command}/1"));
        ["changed", "listed", "dry_run"].map(|field| row[field].as_bool().unwrap())
    };
    assert_eq!(change("remove", &[]), [false, false, false]);
    assert_eq!(change("add", &["--dry-run"]), [true, true, true]);
    assert!(!is_listed(&atmd, mobile));
    assert_eq!(change("add", &["--for", "7d"]), [true, true, false]);
    assert_eq!(change("add", &[]), [true, true, false], "it is for good now");
    assert_eq!(change("add", &[]), [false, true, false]);
    assert_eq!(change("remove", &["--dry-run"]), [true, false, true]);
    assert!(is_listed(&atmd, mobile));
    assert_eq!(change("remove", &[]), [true, false, false]);
    assert_eq!(change("remove", &[]), [false, false, false]);
}

#[test]
fn what_is_wrong_with_a_command_line_has_its_code() {
    let atmd = Atmd::start(&Options::default());
    let gone = number(1);
    let table: &[(&[&str], i32, &str)] = &[
        (&["statsu"], 127, "'status'"),
        (&["blaklist", "list"], 127, "'blacklist'"),
        (&["blacklist", "lst"], 127, "'list'"),
        (&[], 2, "Usage"),
        (&["blacklist"], 2, "Usage"),
        (&["blacklist", "add", &gone], 2, "--reason"),
        (&["blacklist", "add", &gone, "--reason", ""], 2, "a reason is"),
        (&["blacklist", "add", &gone, "--reason", "x", "--until", "2020-01-01"], 2, "future"),
        (
            &["blacklist", "add", &gone, "--reason", "x", "--until", "2040-01-01", "--for", "1d"],
            2,
            "cannot be used",
        ),
        (&["blacklist", "show", "12a"], 2, "digits"),
        (&["blacklist", "list", "--timeout", "soon"], 2, "a duration is"),
        (&["blacklist", "list", "-o", "xml"], 2, "possible values"),
        (&["api", "whoami", "-o", "csv"], 2, "api prints JSON"),
        (&["api", "no_such_call"], 2, "not a call of atmd"),
        (&["api", "blacklist_show"], 2, "mobile"),
        (&["blacklist", "show", &gone], 4, "not on the blacklist"),
        (&["plugin", "info", "gone"], 4, "no plugin gone"),
    ];
    for (arguments, code, words) in table {
        let failed = atmd.ctl(arguments).coded(*code);
        assert!(failed.stderr.contains(words) && failed.stdout.is_empty(), "{arguments:?} {words}: {failed}");
        if !failed.stderr.contains("xml") && !arguments.contains(&"-o") {
            let failed = atmd.ctl(&[arguments, &["-o", "json"][..]].concat()).coded(*code);
            assert!(error(&failed)["message"].is_string(), "{failed}");
        }
    }
}

#[test]
fn whom_to_trust_and_who_asks_must_be_clear() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::new();
    let open = tools.path("open.pem");
    fs::write(&open, fs::read(atmd.root_identity()).unwrap()).unwrap();
    fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).unwrap();
    let foreign = Atmd::start(&Options::default());
    let with = |variable: &str, value: &Path| {
        let mut command = tools.operator(&atmd, &["status"]);
        command.env(variable, value);
        process::run(command, "")
    };
    let failed = with("ATMCTL_IDENTITY", &open).coded(78);
    assert!(failed.stderr.contains(&format!("chmod 600 {}", open.display())), "{failed}");
    let failed = with("ATMCTL_CA", Path::new("")).coded(78);
    assert!(failed.stderr.contains("copy public/ca.pem"), "{failed}");
    let failed = with("ATMCTL_IDENTITY", Path::new("")).coded(78);
    assert!(failed.stderr.contains("run it with sudo"), "{failed}");
    let failed = with("ATMCTL_CA", Path::new("/no/such/file")).coded(78);
    assert!(failed.stderr.contains("/no/such/file cannot be read"), "{failed}");
    let failed = with("ATMCTL_CA", &foreign.ca()).coded(78);
    assert!(failed.stderr.contains("do not trust each other"), "{failed}");
    let failed = with("ATMCTL_IDENTITY", &foreign.root_identity()).coded(77);
    assert!(failed.stderr.contains("does not accept this operator"), "{failed}");
}

#[test]
fn a_broken_plugin_does_not_hide_the_others() {
    let tools = Tools::new();
    tools.script("broken", "echo nonsense");
    tools.script(
        "hangs",
        &format!("echo $$ > {0}; sleep 600 & echo $! >> {0}; wait", tools.path("ids").display()),
    );
    tools.plugin("other", &rows("none", &[("n", "number")]), "");
    fs::rename(tools.path("atmctl-other"), tools.path("atmctl-renamed")).unwrap();
    tools.plugin("status", &rows("none", &[("n", "number")]), "");
    let list = data(&tools.run(&["plugin", "list", "-o", "json"]), "atmctl.plugin.list/1");
    let field = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let found: Vec<_> = list.iter().map(|row| (field(row, "name"), field(row, "state"))).collect();
    let state = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    let expected = [
        state("blacklist", "available"),
        state("broken", "unavailable"),
        state("hangs", "unavailable"),
        state("renamed", "unavailable"),
        state("status", "unavailable"),
    ];
    assert_eq!(found, expected);
    for (row, reason) in
        list[1..].iter().zip(["expected", "longer than 2 s", "calls itself \"other\"", "itself has"])
    {
        assert!(field(row, "summary").contains(reason), "{row}");
    }
    all_ended(&tools.path("ids"), 2);
    let _ = tools.run(&["broken", "go"]).coded(76);
    let _ = tools.run(&["status"]).coded(78);
    let _ = tools.run(&["plugin", "info", "status"]).coded(126);
    let _ = tools.run(&["blacklist", "--help"]).coded(0);
}

/// None of the processes whose ids are in the file is there any more.
fn all_ended(ids: &Path, count: usize) {
    let ids = fs::read_to_string(ids).unwrap();
    assert_eq!(ids.split_whitespace().count(), count, "{ids}");
    for id in ids.split_whitespace() {
        eventually("a plugin's process ends", || {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            // One that is nobody's child any more may wait for whoever reaps those.
            if stat.is_empty() || stat.contains(") Z ") { Ok(()) } else { Err(stat) }
        });
    }
}

#[test]
fn a_plugin_that_misbehaves_is_told_of_by_its_code() {
    let tools = Tools::new();
    let columns = [("n", "number")];
    let table = [
        ("echo hello", 76, "what is not a row"),
        ("echo '{\"m\":1}'", 76, "is not of test.go/1"),
        ("kill -SEGV $$", 70, "signal 11"),
        ("exit 5", 5, "ended with exit code 5"),
        (
            "echo '{\"atmctl_error\":{\"code\":\"denied\",\"message\":\"no\",\"hint\":\"ask\"}}'; exit 77",
            77,
            "hint: ask",
        ),
        ("exec 1>&-; exit 3", 3, ""),
    ];
    for (script, code, words) in table {
        tools.plugin("bad", &rows("none", &columns), script);
        let failed = tools.run(&["bad", "go"]).coded(code);
        assert!(failed.stderr.contains(words), "{script}: {failed}");
    }
    let commands = json!([{ "name": "page", "summary": "Prints", "connection": "none", "output": "raw" },
        { "name": "clear", "summary": "Clears", "connection": "none", "output": "raw", "changes": true }]);
    tools.plugin("pages", &commands, "echo page");
    assert_eq!(tools.run(&["pages", "page"]).coded(0).stdout, "page\n");
    let refused = tools.run(&["pages", "page", "-o", "table"]).coded(2);
    assert!(refused.stderr.contains("takes no --output"), "{refused}");
    let refused = tools.run(&["pages", "clear", "--dry-run"]).coded(2);
    assert!(refused.stderr.contains("cannot just try it"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_lies_about_itself_cannot_write() {
    let mut atmd = Atmd::start(&Options::default());
    let tools = Tools::new();
    let mobile = bank::number(1);
    let body = json!({ "mobile": mobile.full(), "reason": "a lie", "until": null });
    let script = format!("\"$ATMCTL_BIN\" api blacklist_add '{body}' || exit $?");
    tools.plugin("liar", &rows("required", &[("n", "number")]), &script);
    let refused = tools.operate(&atmd, &["liar", "go"]).coded(77);
    assert!(refused.stderr.contains("may not change anything"), "{refused}");
    // Neither more rights nor the operator's own identity are within its reach.
    let narrow = json!({ "to": { "mode": "change", "command": "x", "capabilities": [], "plugin": null, "ttl_ms": 1 } });
    let script = format!("\"$ATMCTL_BIN\" api narrow '{narrow}' || exit $?");
    tools.plugin("liar", &rows("required", &[("n", "number")]), &script);
    let refused = tools.operate(&atmd, &["liar", "go"]).coded(77);
    assert!(refused.stderr.contains("cannot be widened"), "{refused}");
    tools.plugin("liar", &rows("required", &[("n", "number")]), "\"$ATMCTL_BIN\" status || exit $?");
    let refused = tools.operate(&atmd, &["liar", "go"]).coded(77);
    assert!(refused.stderr.contains("inside a plugin"), "{refused}");
    assert!(!is_listed(&atmd, mobile));
    assert!(atmd.stop().success());
    let audit = books::store(&atmd.config()).await.audit_log().await.unwrap();
    let methods: Vec<&str> = audit.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!(methods, ["blacklist_add", "narrow"], "{audit:?}");
}

#[test]
fn a_plugin_sees_a_short_list_of_variables_and_one_connection() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::new();
    let script = r#"tr '\0' '\n' < /proc/$$/environ | while IFS='=' read -r name value; do
            printf '{"name":"%s","value":"%s"}\n' "$name" "$value"; done
        sockets=$(ls -l /proc/$$/fd | grep -c socket:)
        printf '{"name":"sockets","value":"%s"}\n' "$sockets""#;
    tools.plugin("look", &rows("required", &[("name", "text"), ("value", "text")]), script);
    let mut command = tools.operator(&atmd, &["look", "go", "-o", "json"]);
    let passed =
        [("LANG", "C.UTF-8"), ("LC_TIME", "C"), ("TZ", "Asia/Kolkata"), ("TERM", "dumb"), ("NO_COLOR", "1")];
    let kept = [("LD_PRELOAD", ""), ("SUDO_USER", "x"), ("SSH_AUTH_SOCK", "/x"), ("ENV", "/x")];
    command.envs(passed).envs(kept).env("COLUMNS", "80");
    let mut seen: Vec<(String, String)> = data(&process::run(command, ""), "test.go/1")
        .iter()
        .map(|row| (row["name"].as_str().unwrap().to_owned(), row["value"].as_str().unwrap().to_owned()))
        .collect();
    seen.sort();
    let bin = fs::canonicalize(tools.path("atmctl")).unwrap().display().to_string();
    let own = [("ATMCTL_BIN", bin.as_str()), ("ATMCTL_FD", "3"), ("ATMCTL_PROTOCOL", "1"), ("COLUMNS", "80")];
    let mut expected: Vec<_> = own.iter().chain(&passed).chain(&[("sockets", "1")]).collect();
    expected.sort();
    assert_eq!(
        seen.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(),
        expected.into_iter().copied().collect::<Vec<_>>()
    );
}

#[test]
fn a_plugin_that_takes_too_long_is_ended_with_all_it_started() {
    let tools = Tools::new();
    let ids = tools.path("ids");
    let script = format!(
        "echo $$ > {0}; sleep 600 & echo $! >> {0}; setsid sh -c 'echo $$ >> {0}; sleep 600; :' & sleep 600",
        ids.display()
    );
    tools.plugin("slow", &rows("none", &[("n", "number")]), &script);
    let ended = tools.run(&["slow", "go", "--timeout", "1s", "-o", "json"]).coded(75);
    assert_eq!(error(&ended)["code"], "try_again");
    all_ended(&ids, 3);
}

#[test]
fn a_reader_that_saw_enough_is_no_failure() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::new();
    tools.plugin("endless", &rows("none", &[("n", "number")]), "exec yes '{\"n\":7}'");
    for _ in 0..3 {
        for arguments in
            [&["endless", "go"][..], &["endless", "go", "-o", "csv"], &["endless", "go", "-o", "json"]]
        {
            let atmctl = tools.operator(&atmd, arguments);
            let mut piped = Command::new("sh");
            piped.args(["-c", "{ \"$@\"; echo \"code $?\" >&2; } | head -1", "sh"]);
            piped.arg(atmctl.get_program()).args(atmctl.get_args()).env_clear();
            piped.envs(atmctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let read = process::run(piped, "").coded(0);
            assert_eq!(read.stderr, "code 0\n", "{read}");
            assert_eq!(read.stdout.lines().count(), 1, "{read}");
        }
    }
}

#[test]
fn a_plugin_goes_on_when_atmd_comes_back() {
    let mut atmd = Atmd::start(&Options::default());
    let tools = Tools::new();
    let go = tools.path("restarted");
    let script = format!(
        "\"$ATMCTL_BIN\" api whoami > /dev/null || exit; echo '{{\"n\":1}}'
        while [ ! -e {} ]; do sleep 0.05; done
        until \"$ATMCTL_BIN\" api whoami > /dev/null 2>&1; do sleep 0.05; done
        \"$ATMCTL_BIN\" api blacklist_add '{{\"mobile\":\"12345\",\"reason\":\"x\",\"until\":null}}' && exit 1
        for i in 1 2 3 4; do \"$ATMCTL_BIN\" api status > /dev/null || kill $$ & done; wait
        echo '{{\"n\":2}}'",
        go.display()
    );
    tools.plugin("lasting", &rows("required", &[("n", "number")]), &script);
    let mut command = tools.operator(&atmd, &["lasting", "go", "-o", "csv", "--timeout", "60s"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut next = || lines.next().map(|line| line.trim_end().to_owned());
    assert_eq!((next().as_deref(), next().as_deref()), (Some("n"), Some("1")));
    atmd.restart();
    fs::write(&go, "").unwrap();
    assert_eq!((next().as_deref(), next()), (Some("2"), None));
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(
        !is_listed(&atmd, MobileNumber::parse("12345").unwrap()),
        "the new connection has no more rights"
    );
}
