//! What a plugin reaches, and what it does not.

use atm_rpc::types::mobile::MobileNumber;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::need::{missing, need};
use atm_tests::tools::{Tools, counting, going, script, write};
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Whether the kernel has what the sandbox is made of; says so where it has not.
fn is_held(tools: &Tools) -> bool {
    tools.plugin("held", &counting(), "");
    let told = &tools.rows(&["plugin", "info", "held"])[0]["sandbox"];
    let held = !told.as_str().unwrap().contains("NOT");
    if !held {
        missing("a kernel with Landlock (ABI 6) and seccomp");
    }
    held
}

/// Ways out, each a line of Python that succeeds where there is one.
fn ways(atmd: &Atmd, tools: &Tools, tcp: &TcpListener, unix: &Path) -> Vec<(&'static str, String)> {
    let read = |path: &Path| format!("open({:?}).read(1)", path.display().to_string());
    let data = atmd.data();
    vec![
        ("the operator's key", read(&atmd.root_identity())),
        ("the database", read(&data.join("bank.db"))),
        ("the pepper", read(&data.join("pki"))),
        ("the ledger", read(&atmd.client_csv())),
        ("the operator's home", format!("os.listdir({:?})", tools.home("").display().to_string())),
        (
            "another plugin's cache",
            format!("os.listdir({:?})", tools.home("cache/atm/plugins").display().to_string()),
        ),
        ("other processes", "open('/proc/%d/environ' % os.getppid()).read(1)".to_owned()),
        ("the system's accounts", "open('/etc/passwd').read(1)".to_owned()),
        ("a new file", format!("open({:?}, 'w')", tools.work("new").display().to_string())),
        ("a file beside it", format!("open({:?}, 'w')", tools.beside("new").display().to_string())),
        (
            "a change of another plugin",
            format!("open({:?}, 'r+')", tools.beside("atmctl-held").display().to_string()),
        ),
        (
            "TCP",
            format!("socket.create_connection(({:?}, {}))", "127.0.0.1", tcp.local_addr().unwrap().port()),
        ),
        ("UDP", "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)".to_owned()),
        ("a Unix socket", format!("socket.socket(socket.AF_UNIX).connect({:?})", unix.display().to_string())),
        ("netlink", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)".to_owned()),
        ("a datagram by a pair", "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)".to_owned()),
        ("io_uring", "call(425, 8, ctypes.create_string_buffer(120))".to_owned()),
        ("a look into the host", "call(101, 16, os.getppid())".to_owned()),
        ("a signal to the host", "os.kill(os.getppid(), 0)".to_owned()),
        ("a signal to atmd", format!("os.kill({}, 0)", atmd.pid())),
        ("typing on the terminal", "fcntl.ioctl(0, 0x5412, b'x')".to_owned()),
        ("a namespace of its own", "call(272, 0x10000000)".to_owned()),
        ("a core file", "resource.setrlimit(resource.RLIMIT_CORE, (1, 1))".to_owned()),
    ]
}

/// Prints a row for each way, and by which exception it ended.
fn trying(ways: &[(&str, String)]) -> String {
    let tries: String = ways.iter().map(|(name, way)| format!("    ({name:?}, lambda: {way}),\n")).collect();
    let description = json!({ "protocol": 1, "name": "hostile", "version": "1", "summary": "Tries",
        "commands": going("required", &[("way", "text"), ("end", "text")]) });
    format!(
        "#!/usr/bin/env python3
import ctypes, errno, fcntl, json, os, resource, socket, sys
if sys.argv[1:] == ['--atmctl-describe']:
    print({:?}); sys.exit()
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), 'refused')
for name, way in [
{tries}]:
    try:
        way(); end = 'done'
    except OSError as error:
        end = errno.errorcode.get(error.errno, str(error))
    except ValueError as error:
        end = 'EPERM'
    print(json.dumps({{'way': name, 'end': end}}), flush=True)
",
        description.to_string()
    )
}

#[test]
fn a_hostile_plugin_finds_no_way_out() {
    let Some(_) = need("python3") else { return };
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&[]);
    if !is_held(&tools) {
        return;
    }
    fs::create_dir_all(tools.home("cache/atm/plugins/other")).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = tools.work("socket");
    let _listener = UnixListener::bind(&unix).unwrap();
    let ways = ways(&atmd, &tools, &tcp, &unix);
    write(&tools.beside("atmctl-hostile"), &trying(&ways));
    let json = tools.operate(&atmd, &["hostile", "go", "-o", "json"]).json();
    let ends: Vec<(&str, &str)> = json["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["way"].as_str().unwrap(), row["end"].as_str().unwrap()))
        .collect();
    assert_eq!(ends.len(), ways.len());
    for (way, end) in ends {
        assert!(["EACCES", "EPERM"].contains(&end), "{way}: {end}");
    }
    assert!(!tools.work("new").exists() && !tools.beside("new").exists());
}

/// A command with a file to read, which may be several, and one to write.
fn files() -> Value {
    let mut commands = counting();
    let file = |name: &str, kind: &str, form: &str| json!({ "name": name, "kind": kind, "form": form, "help": "A file" });
    let mut several = file("in", "path:read", "positional");
    several["repeated"] = json!(true);
    commands[0]["arguments"] =
        json!([file("one", "path:read", "flag"), file("out", "path:write", "flag"), several]);
    commands
}

#[test]
fn a_plugin_reaches_the_files_that_it_is_given() {
    let tools = Tools::with(&[]);
    let reads = r#"for word; do case $word in
            --one=*) cat "${word#*=}" >&2;; --out=*) cat > "${word#*=}" || exit 9;; go|--) ;; *) cat "$word" >&2 || exit 8;;
        esac; done"#;
    tools.plugin("files", &files(), reads);
    for name in ["a.csv", "b.csv", "c.txt", "odd[1].csv"] {
        fs::write(tools.work(name), format!("<{name}>")).unwrap();
    }
    let hidden = tools.home("key");
    fs::write(&hidden, "<key>").unwrap();
    std::os::unix::fs::symlink(&hidden, tools.work("link")).unwrap();
    let table: &[(&[&str], i32, &str)] = &[
        (&["a.csv"], 0, "<a.csv>"),
        (&["c.txt", "a.csv"], 0, "<c.txt><a.csv>"),
        (&["?.csv"], 0, "<a.csv><b.csv>"),
        (&["odd[1].csv"], 0, "<odd[1].csv>"),
        (&["link"], 0, "<key>"),
        (&["--one", "c.*"], 0, "<c.txt>"),
        (&["--one", "?.csv"], 2, "2 such files"),
        (&["*.none"], 2, "no such file"),
        (&["none"], 1, "No such file"),
    ];
    for (arguments, code, said) in table {
        let ran = tools.run(&[&["files", "go"], *arguments].concat()).coded(*code);
        assert!(ran.stderr.contains(said), "{arguments:?}: {ran}");
    }
    // One that it is not given is out of its reach, though the folder is the same.
    tools.plugin("files", &files(), "cat a.csv >&2 || exit 5; cat b.csv >&2 && exit 0; exit 4");
    let refused = tools.run(&["files", "go", "a.csv"]).coded(4);
    assert!(refused.stderr.contains("<a.csv>cat: b.csv: Permission denied"), "{refused}");
}

#[test]
fn a_file_to_write_is_made_for_the_plugin_and_kept_where_it_wrote() {
    let tools = Tools::with(&[]);
    let writes = "case $2 in --out=*) printf '%s' text > \"${2#*=}\" || exit 9;; esac";
    tools.plugin("files", &files(), writes);
    let out = tools.work("out");
    let ran = tools.run(&["files", "go", "--out", "out"]).coded(0);
    assert_eq!(fs::read_to_string(&out).unwrap(), "text", "{ran}");
    assert_eq!(out.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    tools.plugin("files", &files(), "exit 5");
    let _ = tools.run(&["files", "go", "--out", "out"]).coded(5);
    assert_eq!(fs::read_to_string(&out).unwrap(), "text", "one that was there stays");
    let _ = tools.run(&["files", "go", "--out", "other"]).coded(5);
    assert!(!tools.work("other").exists(), "one that is empty goes");
    let refused = tools.run(&["files", "go", "--out", "no/such/folder"]).coded(1);
    assert!(refused.stderr.contains("cannot be made"), "{refused}");
    tools.plugin("files", &files(), "echo x > out2; exit 4");
    let refused = tools.run(&["files", "go", "--out", "out"]).coded(4);
    assert!(refused.stderr.contains("Permission denied") && !tools.work("out2").exists(), "{refused}");
}

#[test]
fn a_plugin_that_dials_has_ip_and_nothing_else() {
    let Some(_) = need("python3") else { return };
    let tools = Tools::with(&[]);
    if !is_held(&tools) {
        return;
    }
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = tools.work("socket");
    let _listener = UnixListener::bind(&unix).unwrap();
    let mut commands = counting();
    commands[0]["network"] = json!(["net:customer"]);
    let python = format!(
        "exec python3 -c \"
import socket
socket.create_connection(('localhost', {}))
for kind in [(socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_RAW), (socket.AF_NETLINK, socket.SOCK_RAW)]:
    try: socket.socket(*kind); raise SystemExit(9)
    except PermissionError: pass
try: socket.socket().bind(('127.0.0.1', 0)); raise SystemExit(8)
except PermissionError: print('{{\\\"n\\\":1}}')\"",
        tcp.local_addr().unwrap().port()
    );
    write(&tools.beside("atmctl-dials"), &script("dials", &commands, &python));
    assert_eq!(tools.run(&["dials", "go", "-o", "csv"]).coded(0).stdout, "n\r\n1\r\n");
    let told = &tools.rows(&["plugin", "info", "dials"])[0];
    assert!(told["sandbox"].as_str().unwrap().contains("IP, as granted"), "{told}");
    let python = python.replace("'localhost'", "'127.0.0.1'");
    write(&tools.beside("atmctl-dials"), &script("dials", &counting(), &python));
    let refused = tools.run(&["dials", "go"]).coded(1);
    assert!(refused.stderr.contains("PermissionError"), "{refused}");
}

/// Seen from inside, too: a plugin may start atmctl for its own calls, and that starts nothing for it.
#[test]
fn inside_a_plugin_atmctl_has_the_plugins_connection_and_no_other() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let own =
        "\"$ATMCTL_BIN\" api status > /dev/null && \"$ATMCTL_BIN\" blacklist list; echo \"{\\\"n\\\":$?}\"";
    tools.plugin("calls", &going("required", &[("n", "number")]), own);
    let ran = tools.operate(&atmd, &["calls", "go", "-o", "csv"]).coded(0);
    assert_eq!(ran.stdout, "n\r\n77\r\n", "{ran}");
    let number = MobileNumber::parse("12345").unwrap();
    let _ = tools.operate(&atmd, &["blacklist", "show", &number.full()]).coded(4);
}

#[test]
fn our_own_plugins_have_what_they_need() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist", "ledger", "operator", "audit"]);
    let add = ["operator", "add", "asha", "--role", "viewer", "--out", "asha.pem"];
    let _ = tools.operate(&atmd, &[&add[..], &["--dry-run"]].concat()).coded(0);
    assert!(!tools.work("asha.pem").exists(), "a trial leaves no file");
    let _ = tools.operate(&atmd, &add).coded(0);
    assert_eq!(tools.work("asha.pem").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let as_asha =
        |arguments: &[&str]| tools.operate(&atmd, &[arguments, &["--identity", "asha.pem"]].concat());
    let _ = as_asha(&["operator", "list"]).coded(0);
    let _ = as_asha(&["audit", "list"]).coded(0);
    let _ = as_asha(&["ledger", "verify"]).coded(0);
    let _ = as_asha(&["blacklist", "add", "12345", "--reason", "a test"]).coded(77);
    fs::write(tools.work("letter"), "Dear Asha").unwrap();
    let add = ["operator", "add", "ravi", "--role", "viewer", "--out", "letter"];
    let _ = tools.operate(&atmd, &add).coded(5);
    assert_eq!(fs::read_to_string(tools.work("letter")).unwrap(), "Dear Asha");
}
