//! docs/reports.md shows what atmctl prints: its ```console blocks are run here from top to bottom, on the ledgers in
//! tests/samples/site. `...` at the end of an output stands for what is left out.

use atm_tests::process;
use atm_tests::programs::root;
use atm_tests::tools::Tools;
use std::fs;
use std::process::Command;

#[test]
fn what_docs_reports_shows_is_what_is_printed() {
    let tools = Tools::with(&["report"]);
    for (file, place) in [("client.csv", "ledger"), ("bank.csv", "ledger"), ("bank.json", "public")] {
        let folder = tools.work("data").join(place);
        fs::create_dir_all(&folder).unwrap();
        fs::copy(root().join("tests/samples/site").join(file), folder.join(file)).unwrap();
    }
    let text = fs::read_to_string(root().join("docs/reports.md")).unwrap();
    let blocks = text.split("```console\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let steps: Vec<&str> = blocks.flat_map(|(block, _)| block.split("$ ").skip(1)).collect();
    assert!(steps.len() > 8, "docs/reports.md has only {} commands", steps.len());
    let mut code = 0;
    for step in steps {
        let (command, expected) = step.split_once('\n').unwrap();
        let path = format!("{}:/usr/bin:/bin", tools.beside("").display());
        let line = format!("exec 2>&1; (exit {code}); {command}");
        let mut bash = Command::new("bash");
        bash.env_clear()
            .env("PATH", path)
            .env("HOME", tools.home(""))
            .current_dir(tools.work(""))
            .args(["-c", &line]);
        let said = process::run(bash, "");
        code = said.code.unwrap_or(-1);
        // CSV ends its lines with CRLF.
        let said = said.stdout.replace('\r', "");
        let fits = match expected.strip_suffix("...\n") {
            Some(beginning) => said.starts_with(beginning),
            None => said == expected,
        };
        assert!(fits, "$ {command}\ndocumented:\n{expected}\nsaid:\n{said}");
    }
}
