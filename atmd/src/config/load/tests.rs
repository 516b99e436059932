//! Configurations that load, and those that do not with what they say.

use super::super::{Backend, Lockout, LogFormat, Migrate, Rotation, TlsMode};
use super::*;
use atm_rpc::types::money::Money;
use std::time::Duration;

const SEED: &str = "\
[server]
host = 0.0.0.0
port = 65432
worker_threads = 4
monitor_interval = 60

[mysql]
host = 127.0.0.1
port = 3306
user = root
password = your_password
database = bank_db

[logging]
logfile = bank_server.log
";

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn file(text: &str) -> Result<Loaded, ConfigErrors> {
    from_text(Some((Path::new("config.ini"), text)), &[], &[])
}

/// A folder of its own for a test, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("atmd-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_defaults_are_valid_and_no_key_is_left_unread() {
    let config = from_text(None, &[], &[]).unwrap().config;
    let Config {
        server,
        operator,
        bank,
        limits,
        auth,
        ledger,
        database,
        mysql,
        postgresql,
        logging,
        metrics,
    } = config;
    let here = std::path::absolute("data").unwrap();
    assert_eq!((server.host.to_string().as_str(), server.port, server.worker_threads), ("0.0.0.0", 65432, 4));
    assert_eq!((server.monitor_interval, server.data_dir), (Duration::from_secs(60), here.clone()));
    assert_eq!((server.names.len(), server.max_connections, server.max_connections_per_peer), (0, 1024, 64));
    assert_eq!((server.login_timeout.as_secs(), server.shutdown_timeout.as_secs()), (60, 10));
    assert_eq!((operator.listen.to_string().as_str(), operator.max_connections), ("127.0.0.1:65433", 64));
    assert_eq!((operator.refusals_burst, operator.refusals_per_minute), (100, 10));
    assert_eq!((bank.currency.code(), bank.timezone.iana_name()), ("INR", Some("UTC")));
    assert_eq!(bank.cutover_time, jiff::civil::Time::midnight());
    let amounts = [bank.amount_max, bank.opening_vault, bank.opening_customer];
    assert_eq!(amounts.map(Money::minor), [100_000_000, 1_000_000, 0]);
    assert!(bank.open_registration);
    assert_eq!((limits.idle_timeout.as_secs(), limits.session_length.as_secs()), (120, 1800));
    let amounts = [limits.withdraw_min, limits.withdraw_max, limits.withdraw_multiple];
    assert_eq!((limits.sessions_per_number_max, amounts.map(Money::minor)), (1, [10_000, 500_000, 1_000]));
    assert_eq!((auth.attempts_max, auth.lockout, auth.failure_delay.as_secs()), (5, Lockout::Permanent, 1));
    assert_eq!((auth.memory_kib, auth.iterations, auth.hash_threads), (19_456, 2, 0));
    assert_eq!((auth.peer_burst, auth.peer_per_minute, auth.strangers_max), (20, 30, 100_000));
    assert_eq!((ledger.batch_count_max, ledger.queue_max, ledger.rejections_days), (1024, 8192, 30));
    assert_eq!((database.backend, database.path), (Backend::Sqlite, here.join("bank.db")));
    assert_eq!((database.read_connections, database.migrate), (4, Migrate::Manual));
    for (server, expected) in [
        (mysql, "DatabaseServer(root@127.0.0.1:3306/bank_db)"),
        (postgresql, "DatabaseServer(atm@127.0.0.1:5432/bank_db)"),
    ] {
        assert_eq!(format!("{server:?}"), expected);
        assert_eq!((server.password, server.configured), (None, false));
        assert_eq!((server.tls, server.tls_ca), (TlsMode::Prefer, None));
    }
    assert_eq!((logging.logfile, logging.keep), (here.join("bank_server.log"), 14));
    assert_eq!((logging.rotation, logging.format), (Rotation::Daily, LogFormat::Text));
    assert_eq!((logging.level.as_str(), logging.full_numbers), ("info", false));

    assert_eq!((metrics.listen, metrics.projection_lag_max), (None, 10_000));

    // What the table has and nobody reads would be accepted with any value.
    let may_be_empty = ["names", "certificate", "key", "password", "password_file", "tls_ca"];
    let optional = |key: &str, path: &str| may_be_empty.contains(&key) || path == "metrics.listen";
    for key in keys::KEYS.iter().filter(|key| !optional(key.name, &key.path())) {
        assert!(from_text(None, &[(key.variable(), String::new())], &[]).is_err(), "{}", key.path());
    }
}

#[test]
fn the_file_at_the_root_equals_the_defaults() {
    let root = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../config.ini"));
    let (read, defaults) = (file(root).unwrap(), from_text(None, &[], &[]).unwrap());
    assert_eq!(read.show(), defaults.show());
    assert_eq!(format!("{:?}", read.config), format!("{:?}", defaults.config));
    assert!(read.settings.iter().all(|setting| matches!(setting.origin, Origin::File(..))));
    assert!(!read.config.mysql.configured);
}

#[test]
fn the_file_of_the_former_system_loads_unchanged() {
    let loaded = file(SEED).unwrap();
    let mysql = &loaded.config.mysql;
    assert!(mysql.configured);
    assert_eq!(mysql.password.as_ref().map(|p| p.as_str()), Some("your_password"));
    assert!(file(&SEED.replace('\n', "\r\n")).is_ok());
}

#[test]
fn a_server_is_chosen_by_any_of_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, "").unwrap();
    let folder = folder.path().display();
    for (name, backend) in [
        ("mysql", Backend::Mysql),
        ("mariadb", Backend::Mysql),
        ("postgresql", Backend::Postgresql),
        ("postgres", Backend::Postgresql),
    ] {
        let text = format!(
            "[server]\ndata_dir = {folder}\n[database]\nbackend = {name}\nmigrate = auto\n\
             [mysql]\ntls = verify-full\ntls_ca = ca.pem\n"
        );
        let Config { database, mysql, .. } = file(&text).unwrap().config;
        assert_eq!((database.backend, database.migrate), (backend, Migrate::Auto));
        assert_eq!(mysql.tls, TlsMode::VerifyFull);
        assert_eq!(mysql.tls_ca.as_ref(), Some(&ca));
    }
    let absent = format!("[server]\ndata_dir = {folder}\n[mysql]\ntls_ca = other.pem\n");
    let errors = file(&absent).unwrap_err().to_string();
    assert!(errors.contains("tls_ca") && errors.contains("other.pem"), "{errors}");
}

#[test]
fn secrets_are_shown_nowhere() {
    let loaded = from_text(
        Some((Path::new("config.ini"), SEED)),
        &[],
        &pairs(&[("server.host", "127.0.0.1"), ("server.names", "")]),
    )
    .unwrap();
    assert!(loaded.show().contains("\npassword = ********\npassword_file =\n"), "{}", loaded.show());
    assert!(
        loaded
            .show_with_origin()
            .contains("\n# config.ini:11\npassword = ********\n# default\npassword_file =\n")
    );
    assert!(
        loaded
            .show_with_origin()
            .starts_with("[server]\n# flag\nhost = 127.0.0.1\n# config.ini:3\nport = 65432\n")
    );
    assert!(!format!("{loaded:?}").contains("your_password"));
    let file =
        "[mysql]\npassword = hunter2\npasword = hunter2\npassword = hunter2\nhunter2\npassword_file = x\n";
    let errors =
        from_text(Some((Path::new("config.ini"), file)), &pairs(&[("ATMD_MYSQL_PASS", "hunter2")]), &[]);
    let errors = errors.unwrap_err();
    assert_eq!(errors.problems.len(), 5, "{errors}");
    assert!(!format!("{errors} {errors:?}").contains("hunter2"), "{errors}");
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let text = "[server]\nport = 1\n";
    let environment = pairs(&[("PATH", "/bin"), ("ATMD_SERVER_PORT", "2"), ("ATMD_CONFIG", "ignored")]);
    let flags = pairs(&[("server.port", "3"), ("server.port", "4")]);
    type Pairs<'a> = &'a [(String, String)];
    let table: &[(Option<&str>, Pairs<'_>, Pairs<'_>, u16, &str)] = &[
        (None, &[], &[], 65432, "default"),
        (Some(text), &[], &[], 1, "config.ini:2"),
        (Some(text), &environment, &[], 2, "ATMD_SERVER_PORT"),
        (Some(text), &environment, &flags, 4, "flag"),
    ];
    for (text, environment, flags, port, origin) in table {
        let loaded = from_text(text.map(|text| (Path::new("config.ini"), text)), environment, flags).unwrap();
        assert_eq!(loaded.config.server.port, *port);
        let setting = loaded.settings.iter().find(|setting| setting.key.path() == "server.port").unwrap();
        assert_eq!((&setting.value, setting.origin.to_string()), (&port.to_string(), (*origin).to_owned()));
    }
}

#[test]
fn each_problem_names_its_place_and_what_is_allowed() {
    let table = [
        (
            "[server]\n\n\nport = x",
            "config.ini:4: [server] port = \"x\": a port is 0 to 65535 (0 takes a free one)",
        ),
        ("[server]\nprot = 1", "config.ini:2: [server] has no key prot; did you mean port?"),
        ("[servr]\nport = 1", "config.ini:2: there is no section [servr]; did you mean [server]?"),
        (
            "[server]\nport = 1\nport = 2",
            "config.ini:3: [server] port is set a second time; the first is in line 2",
        ),
        (
            "[server]\nport = 1 # one",
            "config.ini:2: [server] port = \"1 # one\": a port is 0 to 65535 (0 takes a free one) \
             (a comment needs a line of its own)",
        ),
        (
            "[server]\nworker_threads = 0",
            "config.ini:2: [server] worker_threads = \"0\": a number from 1 to 1024",
        ),
        (
            "[server]\nmonitor_interval = 2d",
            "config.ini:2: [server] monitor_interval = \"2d\": a time from 1s to 1d: seconds, or a number with \
             ms, s, m, h or d, such as 2m",
        ),
        (
            "[database]\nbackend = oracle",
            "config.ini:2: [database] backend = \"oracle\": sqlite or mysql or postgresql",
        ),
        (
            "[bank]\namount_max = 10.001",
            "config.ini:2: [bank] amount_max = \"10.001\": this currency has 2 decimals, not more",
        ),
        (
            "[limits]\nwithdraw_min = 6000",
            "config.ini:2: [limits] withdraw_min = \"6000\" and [limits] withdraw_max = \"5000.00\" (default): \
             the smallest is above the largest",
        ),
        (
            "[limits]\nwithdraw_multiple = 10000",
            "config.ini:2: [limits] withdraw_multiple = \"10000\" and [limits] withdraw_min = \"100.00\" (default) and \
             [limits] withdraw_max = \"5000.00\" (default): no multiple lies between withdraw_min and withdraw_max",
        ),
        (
            "[limits]\nwithdraw_max = 1000000.01",
            "config.ini:2: [limits] withdraw_max = \"1000000.01\" and [bank] amount_max = \"1000000.00\" (default): \
             no withdrawal may be above the largest amount of one movement",
        ),
        (
            "[bank]\nopening_customer = 1000000.01",
            "config.ini:2: [bank] opening_customer = \"1000000.01\" and [bank] amount_max = \"1000000.00\" (default): \
             no account can open with more than the largest amount of one movement",
        ),
        (
            "[operator]\nlisten = 127.0.0.1:65432",
            "config.ini:2: [operator] listen = \"127.0.0.1:65432\" and [server] port = \"65432\" (default): \
             customers and operators need a port each",
        ),
        (
            "[logging]\nlogfile = bank.db",
            "config.ini:2: [logging] logfile = \"bank.db\" and [database] path = \"bank.db\" (default): \
             the database and the log need a file each",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(file(text).unwrap_err().problems, [expected], "{text}");
    }
    let (environment, flags) = (pairs(&[("ATMD_SERVER_PORT", "x")]), pairs(&[("server.port", "y")]));
    let of_environment = from_text(None, &environment, &[]).unwrap_err().problems;
    assert!(of_environment[0].starts_with("ATMD_SERVER_PORT = \"x\": a port"), "{of_environment:?}");
    let of_flag = from_text(None, &environment, &flags).unwrap_err().problems;
    assert!(of_flag.len() == 1 && of_flag[0].starts_with("--set server.port = \"y\": a port"), "{of_flag:?}");
    let unknown = [
        ("listen", "--set listen: a key is given with its section, such as operator.listen"),
        ("zzz", "--set zzz: a key is given with its section, such as server.port"),
        ("server.prot", "--set server.prot: [server] has no key prot; did you mean port?"),
    ];
    for (path, expected) in unknown {
        assert_eq!(from_text(None, &[], &pairs(&[(path, "1")])).unwrap_err().problems, [expected]);
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = "[server]\nport = x\nhsot = 1\nnonsense\n[limits]\nwithdraw_min = 600\nwithdraw_max = 500\n[bank]\namount_max = x";
    let errors = from_text(
        Some((Path::new("config.ini"), text)),
        &pairs(&[("ATMD_SERVER_WORKERS", "1")]),
        &pairs(&[("auth.lockout", "never")]),
    )
    .unwrap_err();
    let places: Vec<&str> = errors.problems.iter().map(|p| p.split([':', ' ']).nth(1).unwrap()).collect();
    // By line what cannot be read, then by the table what cannot be used, then what does not go together.
    assert_eq!(places, ["3", "4", "", "2", "9", "auth.lockout", "6"], "{errors}");
    assert_eq!(errors.to_string().lines().count(), 7);
}

#[test]
fn good_values_in_other_forms() {
    let table = [
        "[server]\nport = 0\n[operator]\nlisten = 127.0.0.1:0",
        "[server]\nhost = 127.0.0.1\nport = 7\n[operator]\nlisten = 127.0.0.2:7",
        "[bank]\ncurrency = JPY\n[limits]\nwithdraw_min = 1000\n",
        "[auth]\nlockout = 15m\nfailure_delay = 0\n",
        "[logging]\nlevel = info,atmd::rpc=debug\nrotation = never\nformat = json\nfull_numbers = yes",
        "[mysql]\npassword = p#a=s;s w",
    ];
    for text in table {
        let loaded = file(text);
        assert!(loaded.is_ok(), "{text}: {loaded:?}");
    }
}

#[test]
fn relative_paths_are_under_the_data_directory_which_depends_on_the_file() {
    let here = |name: &str| std::path::absolute(name).unwrap();
    let table = [
        ("config.ini", "", here("data")),
        ("/srv/atm.ini", "", here("data")),
        ("/srv/atm.ini", "data_dir = x/", here("x/")),
        ("/etc/atm/config.ini", "", PathBuf::from("/var/lib/atmd")),
        ("/etc/atm/config.ini", "data_dir = data", PathBuf::from("/var/lib/atmd")),
        ("/etc/atm/config.ini", "data_dir = /srv/atm", PathBuf::from("/srv/atm")),
    ];
    for (path, line, data_dir) in table {
        let text = format!("[server]\n{line}\n[logging]\nlogfile = /var/log/atm.log");
        let loaded = from_text(Some((Path::new(path), &text)), &[], &[]).unwrap();
        assert_eq!(loaded.config.server.data_dir, data_dir, "{path} {line}");
        assert_eq!(loaded.config.database.path, data_dir.join("bank.db"), "{path} {line}");
        assert_eq!(loaded.config.logging.logfile, Path::new("/var/log/atm.log"));
        assert!(loaded.show().contains(&format!("\npath = {}\n", data_dir.join("bank.db").display())));
    }
    let guess =
        from_text(Some((Path::new("/etc/atm/config.ini"), "[server]\ndata_dir = x")), &[], &[]).unwrap_err();
    assert!(guess.problems[0].ends_with("an absolute path, because the file is in /etc/atm"), "{guess}");
}

#[test]
fn the_password_comes_from_one_place() {
    let scratch = Scratch::new("password");
    let from_file = |content: &str| {
        let path = scratch.file("password", content);
        from_text(None, &pairs(&[("ATMD_MYSQL_PASSWORD_FILE", path.to_str().unwrap())]), &[])
    };
    for (content, expected) in [("s#e;c\n", "s#e;c"), ("s\r\n", "s"), (" s \n\n", " s \n"), ("s", "s")] {
        let mysql = from_file(content).unwrap().config.mysql;
        assert_eq!(mysql.password.as_ref().map(|p| p.as_str()), Some(expected));
        assert!(mysql.configured);
    }
    assert!(from_file("\n").unwrap_err().problems[0].ends_with("is empty"));
    let missing =
        from_text(None, &[], &pairs(&[("mysql.password_file", "/nowhere/x")])).unwrap_err().problems;
    assert!(missing[0].contains("cannot read /nowhere/x: No such file"), "{missing:?}");
    let endless = from_text(None, &[], &pairs(&[("mysql.password_file", "/dev/zero")])).unwrap_err().problems;
    assert!(endless[0].contains("more than 4096 bytes"), "{endless:?}");
    let both = file("[mysql]\npassword = hunter2\npassword_file = /nowhere/x").unwrap_err().problems;
    assert_eq!(
        both,
        ["config.ini:2: [mysql] password and config.ini:3: [mysql] password_file = \"/nowhere/x\": \
          only one of the two may be set"]
    );
}

#[test]
fn the_file_is_the_first_that_is_named_or_there() {
    let scratch = Scratch::new("find");
    let (here, installed) = (scratch.file("here.ini", ""), scratch.file("installed.ini", ""));
    let (named, gone) = (Path::new("/named.ini"), Path::new("/nowhere/gone.ini"));
    let variable = pairs(&[("ATMD_CONFIG", "/variable.ini")]);
    let empty = pairs(&[("ATMD_CONFIG", "")]);
    type Case<'a> = (Option<&'a Path>, &'a [(String, String)], &'a Path, &'a Path, Option<&'a Path>);
    let table: &[Case<'_>] = &[
        (Some(named), &variable, &here, &installed, Some(named)),
        (None, &variable, &here, &installed, Some(Path::new("/variable.ini"))),
        (None, &empty, &here, &installed, Some(&here)),
        (None, &[], gone, &installed, Some(&installed)),
        (None, &[], gone, gone, None),
    ];
    for (flag, environment, here, installed, expected) in table {
        let found = find(*flag, environment, here, installed).map(|(path, _)| path);
        assert_eq!(found.as_deref(), *expected);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_beside_the_others() {
    let scratch = Scratch::new("read");
    let missing = scratch.0.join("missing.ini");
    let errors = load(Some(&missing), &pairs(&[("ATMD_SERVER_PORT", "x")]), &[]).unwrap_err();
    assert_eq!(errors.problems.len(), 2);
    assert!(
        errors.problems[0]
            .ends_with("missing.ini (named by --config): No such file or directory (os error 2)")
    );
    let named = pairs(&[("ATMD_CONFIG", missing.to_str().unwrap())]);
    assert!(
        load(None, &named, &[]).unwrap_err().to_string().contains("(named by ATMD_CONFIG): No such file")
    );
    assert!(load(Some(&scratch.0), &[], &[]).unwrap_err().to_string().contains("directory"));
    let binary = scratch.file("binary.ini", b"[server]\nhost = \xff\n");
    assert!(load(Some(&binary), &[], &[]).unwrap_err().to_string().contains("line 2 is not UTF-8 text"));
    let large = scratch.file("large.ini", vec![b'\n'; 2 << 20]);
    assert!(load(Some(&large), &[], &[]).unwrap_err().to_string().contains("larger than 1048576 bytes"));
    assert_eq!(
        load(Some(&scratch.file("good.ini", SEED)), &[], &[]).unwrap().file,
        Some(scratch.0.join("good.ini"))
    );
}
