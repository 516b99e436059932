//! What shells offer: commands, flags, choices and names of plugins, and values that atmd knows.

use super::number;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::need::need;
use atm_tests::process;
use atm_tests::terminal::Terminal;
use atm_tests::tools::Tools;
use serde_json::json;
use std::env;
use std::path::Path;
use std::process::Command;

/// Lines of which one word can be made, and that word.
fn lines() -> Vec<(String, String)> {
    let listed = number(7);
    let fixed = [
        ("atmctl sta", "status"),
        ("atmctl black", "blacklist"),
        ("atmctl -o json blacklist rem", "remove"),
        ("atmctl blacklist add 12345 --rea", "--reason"),
        ("atmctl demo put --how fa", "fast"),
        ("atmctl demo put --how=sl", "--how=slow"),
        ("atmctl demo put --fi", "--file"),
        ("atmctl demo put --file some", "some-file"),
        ("atmctl --color al", "always"),
        ("atmctl demo put --dry", "--dry-run"),
        ("atmctl plugin info de", "demo"),
        ("atmctl completion z", "zsh"),
    ];
    let mut lines: Vec<(String, String)> =
        fixed.map(|(line, word)| (line.to_owned(), word.to_owned())).into();
    let part = &listed[..listed.len() - 1];
    lines.push((format!("atmctl blacklist show {part}"), listed.clone()));
    lines.push((format!("atmctl blacklist remove --reason x {part}"), listed));
    lines
}

/// A bank with one number on the blacklist, and an operator with a plugin of their own.
fn office() -> (Atmd, Tools) {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let commands = json!([{ "name": "put", "summary": "Puts", "connection": "none", "output": "raw", "arguments": [
        { "name": "how", "kind": "choice", "form": "flag", "help": "How: fast, or slow", "choices": ["fast", "slow"] },
        { "name": "file", "kind": "path:read", "form": "flag", "help": "What" },
    ] }]);
    tools.plugin("demo", &commands, "");
    std::fs::write(tools.work("some-file"), "").unwrap();
    let _ = tools.operate(&atmd, &["blacklist", "add", &number(7), "--reason", "a test"]).coded(0);
    (atmd, tools)
}

/// A shell in which `atmctl` is this one.
fn shell(program: &Path, tools: &Tools, atmd: &Atmd) -> Command {
    let operator = tools.operator(atmd, &[]);
    let mut command = Command::new(program);
    command.env_clear().current_dir(tools.work(""));
    command.envs(operator.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let folders = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools.beside("")).chain(env::split_paths(&folders));
    command.env("PATH", env::join_paths(folders).unwrap()).env("TERM", "dumb").env("LANG", "C.UTF-8");
    command
}

/// Calls the function that bash would call, with what bash would tell it.
const BASH: &str = r#"source <(atmctl completion bash) || exit
function=$(complete -p atmctl | sed 's/.* -F \([^ ]*\) .*/\1/')
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_TYPE=9
COMP_POINT=${#COMP_LINE}
"$function" atmctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}""#;

#[test]
fn bash_completes() {
    let Some(bash) = need("bash") else { return };
    let (atmd, tools) = office();
    for (line, word) in lines() {
        let mut command = shell(&bash, &tools, &atmd);
        // Bash takes an equals sign for a word, and replaces what stands behind it.
        let (line, word) = (line.replace('=', " = "), word.rsplit('=').next().unwrap());
        command.args(["--norc", "-c", BASH, "bash"]).args(line.split(' '));
        let offered = process::run(command, "").coded(0);
        assert_eq!((offered.stdout.trim_end(), offered.stderr.as_str()), (word, ""), "{line}");
    }
}

#[test]
fn nothing_that_is_offered_to_bash_runs_there() {
    let Some(bash) = need("bash") else { return };
    let (atmd, tools) = office();
    let odd = "odd $(touch run)`touch run`;\"*&|<";
    let commands = json!([{ "name": "put", "summary": "Puts", "connection": "required", "output": "raw",
        "capabilities": ["blacklist:read"], "arguments": [
            { "name": "how", "kind": "choice", "form": "flag", "help": "How", "choices": [odd] },
            { "name": "why", "kind": "text", "form": "flag", "help": "Why",
                "values": { "method": "BlacklistList", "field": "reason" } },
            { "name": "file", "kind": "path:read", "form": "flag", "help": "What" },
    ] }]);
    tools.plugin("odd", &commands, "");
    std::fs::write(tools.work(odd), "").unwrap();
    let _ = tools.operate(&atmd, &["blacklist", "add", &number(8), "--reason", odd]).coded(0);
    for flag in ["--how", "--why", "--file"] {
        let mut command = shell(&bash, &tools, &atmd);
        let enter = format!("{BASH} > /dev/null\neval \"printf '%s\\n' ${{COMPREPLY[0]}}\"");
        command.args(["--norc", "-c", &enter, "bash", "atmctl", "odd", "put", flag, "od"]);
        let words = process::run(command, "").coded(0);
        assert_eq!((words.stdout.as_str(), words.stderr.as_str()), (&*format!("{odd}\n"), ""), "{flag}");
        assert!(!tools.work("run").exists(), "{flag}");
    }
}

#[test]
fn fish_completes() {
    let Some(fish) = need("fish") else { return };
    let (atmd, tools) = office();
    for (line, word) in lines() {
        let mut command = shell(&fish, &tools, &atmd);
        command.args(["--no-config", "-c", "atmctl completion fish | source; complete -C $argv[1]", &line]);
        let offered = process::run(command, "").coded(0);
        let words: Vec<&str> = offered.stdout.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(words, [word], "{line}: {offered}");
    }
}

/// Shows what is typed so far, and forgets it.
const ZSH: &str = r"autoload -Uz compinit && compinit -u && source <(atmctl completion zsh)
show() { zle -I; print -r -- '<'$BUFFER'>'; BUFFER= }; zle -N show; bindkey '^X' show; print rea''dy";

#[test]
fn zsh_completes() {
    let Some(zsh) = need("zsh") else { return };
    let (atmd, tools) = office();
    let mut command = shell(&zsh, &tools, &atmd);
    command.args(["-f", "-i"]);
    let mut terminal = Terminal::start(command);
    ZSH.lines().for_each(|line| terminal.line(line));
    terminal.expect("ready");
    for (line, word) in lines() {
        terminal.send(&format!("{line}\t\u{18}"));
        let before = line.rsplit_once(' ').unwrap().0;
        terminal.expect(&format!("<{before} {word} >"));
    }
}

#[test]
fn what_is_asked_for_is_the_commands_or_the_options_of_a_dash() {
    let Some(fish) = need("fish") else { return };
    let (atmd, tools) = office();
    let offered = |line: &str| {
        let mut command = shell(&fish, &tools, &atmd);
        command.args(["--no-config", "-c", "atmctl completion fish | source; complete -C $argv[1]", line]);
        process::run(command, "").coded(0).stdout
    };
    let core = ["status", "api", "plugin", "config", "completion", "version", "blacklist", "demo"];
    let lines = offered("atmctl ");
    let words: Vec<&str> = lines.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert!(core.iter().all(|name| words.contains(name)), "{lines}");
    assert!(!words.iter().any(|word| word.starts_with('-')) && !words.contains(&"man"), "{lines}");
    assert!(lines.contains("blacklist\tNumbers that may not log in"), "{lines}");
    let lines = offered("atmctl blacklist add --");
    assert!(lines.starts_with("--reason\tWhy, for those who come later\n"), "{lines}");
    assert!(lines.contains("--identity"), "{lines}");
    assert!(offered("atmctl demo put ").contains("--how"), "options, where there is nothing else");
}

#[test]
fn a_shell_is_never_told_of_a_failure() {
    let mut atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let line = ["--", "atmctl", "blacklist", "show", "0"];
    let silent = |atmd: &Atmd, variable: &str, value: &str| {
        let mut command = tools.operator(atmd, &line);
        command.env("ATMCTL_COMPLETE", "fish").env(variable, value);
        let offered = process::run(command, "").coded(0);
        assert_eq!((offered.stdout.as_str(), offered.stderr.as_str()), ("", ""), "{variable}={value}");
    };
    silent(&atmd, "ATMCTL_IDENTITY", "/no/such/file");
    silent(&atmd, "ATMCTL_SERVER", "nonsense");
    silent(&atmd, "ATMCTL_TIMEOUT", "nonsense");
    assert!(atmd.stop().success());
    silent(&atmd, "LANG", "C");
    std::fs::create_dir_all(tools.home("config/atm")).unwrap();
    std::fs::write(tools.home("config/atm/atmctl.ini"), "nonsense").unwrap();
    silent(&atmd, "LANG", "C");
}

#[test]
fn an_atmd_that_hangs_is_not_waited_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let mut command = tools.operator(&atmd, &["--", "atmctl", "blacklist", "show", "0"]);
    command.env("ATMCTL_COMPLETE", "fish");
    command.env("ATMCTL_SERVER", listener.local_addr().unwrap().to_string());
    // It is connected to, and never answers: without an end of its own this would not come back.
    let offered = process::run(command, "").coded(0);
    assert_eq!((offered.stdout.as_str(), offered.stderr.as_str()), ("", ""));
    assert!(listener.accept().is_ok(), "it was asked");
}
