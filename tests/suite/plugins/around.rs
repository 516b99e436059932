//! What a plugin finds around it: a short list of variables, one connection, and two folders of its own.

use atm_tests::daemon::{Atmd, Options};
use atm_tests::process;
use atm_tests::tools::{Tools, counting, going};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Variables as the plugin has them; those that a shell sets for itself are left out.
const VARIABLES: &str = r#"env | grep -vE '^(PWD|OLDPWD|SHLVL|_)=' | while IFS='=' read -r name value; do
        printf '{"name":"%s","value":"%s"}\n' "$name" "$value"; done
    for n in 0 1 2 3 4 5 6 7 8 9; do
        if ( : <&$n ) 2>/dev/null; then printf '{"name":"descriptor","value":"%s"}\n' "$n"; fi; done"#;

#[test]
fn a_plugin_sees_a_short_list_of_variables_and_one_connection() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&[]);
    tools.plugin("look", &going("required", &[("name", "text"), ("value", "text")]), VARIABLES);
    let mut command = tools.operator(&atmd, &["look", "go", "-o", "json"]);
    let passed =
        [("LANG", "C.UTF-8"), ("LC_TIME", "C"), ("TZ", "Asia/Kolkata"), ("TERM", "dumb"), ("NO_COLOR", "1")];
    let kept =
        [("LD_PRELOAD", ""), ("SUDO_USER", "x"), ("SSH_AUTH_SOCK", "/x"), ("ENV", "/x"), ("TMPDIR", "/tmp")];
    command.envs(passed).envs(kept).env("COLUMNS", "80");
    let json = process::run(command, "").json();
    let (mut seen, mut descriptors) = (BTreeMap::new(), String::new());
    for row in json["data"].as_array().unwrap() {
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        match text("name").as_str() {
            "descriptor" => descriptors.push_str(&text("value")),
            name => drop(seen.insert(name.to_owned(), text("value"))),
        }
    }
    assert_eq!(descriptors, "01235", "streams, the connection, and the script itself");
    let temporary = seen.remove("TMPDIR").unwrap();
    assert!(temporary.starts_with("/tmp/atmctl-look-") && !Path::new(&temporary).exists(), "{temporary}");
    let bin = fs::canonicalize(tools.beside("atmctl")).unwrap().display().to_string();
    let cache = tools.home("cache/atm/plugins/look").display().to_string();
    let own = [
        ("ATMCTL_BIN", bin.as_str()),
        ("ATMCTL_CACHE_DIR", &cache),
        ("ATMCTL_FD", "3"),
        ("ATMCTL_PROTOCOL", "1"),
        ("COLUMNS", "80"),
    ];
    let expected = own.iter().chain(&passed).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    assert_eq!(seen, expected.collect());
}

#[test]
fn a_plugin_keeps_what_it_wants_where_no_other_looks() {
    let tools = Tools::with(&[]);
    let keep = "echo 7 >> \"$ATMCTL_CACHE_DIR/kept\" && echo x > \"$TMPDIR/x\" || exit 1
        printf '{\"n\":%s}\\n' $(wc -l < \"$ATMCTL_CACHE_DIR/kept\")";
    tools.plugin("keeps", &counting(), keep);
    let run = || tools.run(&["keeps", "go", "-o", "csv"]).coded(0).stdout;
    assert_eq!((run(), run()), ("n\r\n1\r\n".to_owned(), "n\r\n2\r\n".to_owned()));
    let kept = tools.home("cache/atm/plugins/keeps/kept");
    tools.plugin("looks", &counting(), &format!("cat {} && exit 0; exit 4", kept.display()));
    let refused = tools.run(&["looks", "go"]).coded(4);
    assert!(refused.stderr.contains("Permission denied"), "{refused}");
    // Without a place for it, it has one that lasts as long as it does.
    let mut homeless = tools.command(&["keeps", "go", "-o", "csv"]);
    homeless.env("XDG_CACHE_HOME", "/proc/nothing");
    assert_eq!(process::run(homeless, "").coded(0).stdout, "n\r\n1\r\n");
}
