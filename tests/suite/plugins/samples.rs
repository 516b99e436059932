//! The two plugins that docs/plugins.md teaches with, as their reader would use them.

use atm_tests::daemon::{Atmd, Options};
use atm_tests::need::need;
use atm_tests::process::{self, Outcome};
use atm_tests::programs::root;
use atm_tests::tools::Tools;
use serde_json::json;
use std::fs;

/// Opens with 10,000.00 in the vault.
struct Site {
    atmd: Atmd,
    tools: Tools,
}

impl Site {
    /// Where that sample was installed.
    fn with(sample: &str) -> Self {
        let site = Self { atmd: Atmd::start(&Options::default()), tools: Tools::with(&[]) };
        let file = root().join("tests/samples").join(format!("atmctl-{sample}"));
        let told = site.tools.run(&["plugin", "install", file.to_str().unwrap(), "--yes"]).coded(0);
        assert!(told.stderr.contains("status:read"), "{told}");
        site
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.tools.operate(&self.atmd, arguments)
    }

    /// What a shell is offered for the last of these words.
    fn offered(&self, words: &[&str]) -> Vec<String> {
        let mut shell = self.tools.operator(&self.atmd, &[&["--", "atmctl"], words].concat());
        shell.env("ATMCTL_COMPLETE", "fish");
        let lines = process::run(shell, "").coded(0).stdout;
        lines.lines().filter_map(|line| line.split('\t').next().map(str::to_owned)).collect()
    }

    /// What the list and the information say of it.
    fn is_listed(&self, name: &str) {
        let listed = self.tools.rows(&["plugin", "list"]);
        assert!(listed.iter().any(|row| row["name"] == name && row["trust"] == "installed"), "{listed:?}");
        let info = &self.tools.rows(&["plugin", "info", name])[0];
        assert_eq!(info["granted"], "status:read");
        assert!(info["sandbox"].as_str().unwrap().contains("network"), "{info}");
        let help = self.tools.run(&["--help"]).coded(0).stdout;
        assert!(help.contains(name), "{help}");
    }
}

#[test]
fn a_plugin_in_python_speaks_with_atmd_by_itself() {
    if need("python3").is_none() {
        return;
    }
    let site = Site::with("vault");
    site.is_listed("vault");
    assert_eq!(site.offered(&["vau"]), ["vault"]);
    assert_eq!(site.offered(&["vault", "check", "--wh"]), ["--when"]);
    assert_eq!(site.offered(&["vault", "check", "--when", "be"]), ["below"]);
    let table: &[(&[&str], i32, serde_json::Value)] = &[
        (&["500000"], 0, json!([{ "vault": "10000.00", "floor": "5000.00", "enough": true }])),
        (&["500000", "--when", "below"], 0, json!([])),
        (
            &["--when=below", "1000001"],
            3,
            json!([{ "vault": "10000.00", "floor": "10000.01", "enough": false }]),
        ),
    ];
    for (arguments, code, rows) in table {
        let outcome = site.run(&[&["vault", "check", "-o", "json"], *arguments].concat()).coded(*code);
        let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!((&json["schema"], &json["data"]), (&json!("vault.check/1"), rows), "{arguments:?}");
    }
    assert!(site.run(&["vault", "check", "1"]).coded(0).stdout.contains("10000.00"));
    let _ = site.run(&["vault", "check", "much"]).coded(2);
    let _ = site.run(&["vault", "check", "1", "--when", "never"]).coded(2);
}

#[test]
fn a_plugin_that_is_a_shell_script_speaks_with_atmd_by_its_host() {
    let site = Site::with("motd");
    site.is_listed("motd");
    assert_eq!(site.offered(&["mot"]), ["motd"]);
    assert_eq!(site.offered(&["motd", "li"]), ["line"]);
    assert_eq!(site.run(&["motd", "line"]).coded(0).stdout, "The bank is open: 0 at the terminals.\n");
    let mut down = site.tools.operator(&site.atmd, &["motd", "line"]);
    down.env("ATMCTL_SERVER", "127.0.0.1:1");
    let _ = process::run(down, "").coded(69);
}

#[test]
fn the_page_shows_the_samples_as_they_are() {
    let page = fs::read_to_string(root().join("docs/plugins.md")).unwrap();
    for sample in ["vault", "motd"] {
        let text = fs::read_to_string(root().join("tests/samples").join(format!("atmctl-{sample}"))).unwrap();
        assert!(page.contains(&text), "docs/plugins.md shows another {sample}");
    }
}
