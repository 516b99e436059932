//! How a plugin's run ends, and what atmctl makes of it.

use atm_tests::process;
use atm_tests::tools::{Tools, counting};
use serde_json::{Value, json};

/// Two commands with rows and without, and one that needs atmd.
fn commands() -> Value {
    let mut commands = counting();
    let more = json!([
        { "name": "page", "summary": "Prints", "connection": "none", "output": "raw" },
        { "name": "ask", "summary": "Asks", "connection": "required", "output": "raw" },
    ]);
    commands.as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
    commands
}

#[test]
fn a_plugin_ends_with_its_code() {
    const ROW: &str = r#"echo '{"n":1}'"#;
    let told = r#"echo '{"atmctl_error":{"code":"conflict","message":"no"}}'; exit 5"#;
    let after_row = format!("{ROW}; {told}");
    let (crash, finding) = (format!("{ROW}; kill -SEGV $$"), format!("{ROW}; exit 3"));
    let error = "{\"error\":{\"code\":\"conflict\",\"hint\":null,\"message\":\"no\"}}\n";
    let table: &[(&str, &str, i32, &str, &str)] = &[
        ("demo go", ROW, 0, "N\n1\n", ""),
        ("demo go -o csv", &finding, 3, "n\r\n1\r\n", ""),
        ("demo go", "exit 0", 0, "", ""),
        ("demo go", told, 5, "", "error: no\n"),
        ("-o json demo go", told, 5, "", error),
        ("demo go", &after_row, 5, "N\n1\n", "error: no\n"),
        ("demo go", "exit 4", 4, "", "error: demo go ended with exit code 4\n"),
        ("demo go", "exit 42", 1, "", "error: demo go ended with exit code 42\n"),
        ("demo go", &crash, 70, "N\n1\n", "error: demo go crashed: it was ended by signal 11\n"),
        ("demo page", "exit 42", 42, "", ""),
        ("demo page", "kill -INT $$", 130, "", ""),
        ("demo page -o json", "", 2, "", "prints what it likes"),
        ("demo go --timeout 1s", "exec sleep 90", 75, "", "took longer"),
        ("demo go", "echo hello", 76, "", "what is not a row"),
        ("demo go", r#"echo '{"m":1}'"#, 76, "", "a row is not of test.go/1"),
        ("demo ask --ca /no/such/ca --identity /no/such/file", "", 78, "", "/no/such/ca cannot be read"),
        ("demo gone", "", 127, "", "'go'"),
        ("demmo go", "", 127, "", "'demo'"),
        ("plugin info gone", "", 4, "", "no plugin gone"),
    ];
    let tools = Tools::with(&[]);
    for (line, script, code, stdout, stderr) in table {
        tools.plugin("demo", &commands(), script);
        let ended = process::run(tools.command(&line.split(' ').collect::<Vec<_>>()), "").coded(*code);
        assert_eq!(ended.stdout, *stdout, "{line}: {script}");
        assert!(
            ended.stderr.contains(stderr) && ended.stderr.is_empty() == stderr.is_empty(),
            "{line}: {ended}"
        );
    }
}

#[test]
fn a_plugin_describes_itself_in_time_and_at_no_length() {
    let tools = Tools::with(&[]);
    for (script, named) in [
        ("exit 3", "exit status: 3"),
        ("echo nonsense", "expected"),
        ("exec sleep 90", "longer than 2 s"),
        ("yes | head -c 300000", "more than 262144 bytes"),
        ("exec no-such-program", "exit status: 127"),
    ] {
        atm_tests::tools::write(&tools.beside("atmctl-demo"), &format!("#!/bin/sh\n{script}\n"));
        let failed = tools.run(&["demo", "go"]).coded(76);
        assert!(failed.stderr.contains(named), "{failed}");
    }
    atm_tests::tools::write(&tools.beside("atmctl-demo"), "#!/no/such/interpreter\n");
    let failed = tools.run(&["demo", "go"]).coded(76);
    assert!(failed.stderr.contains("cannot be started: No such file"), "{failed}");
}
