//! `atmctl monitor watch` on a real terminal: it moves, it fits, it goes on, and it gives the terminal back.

use atm_tests::daemon::{Atmd, Options};
use atm_tests::load;
use atm_tests::need::need;
use atm_tests::process::{self, children, running};
use atm_tests::tmux::Screen;
use atm_tests::wait::eventually;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

fn watch(atmd: &Atmd, columns: u16, lines: u16) -> Option<Screen> {
    Screen::start(&atmd.ctl_command(&["monitor", "watch"]), columns, lines)
}

/// Whether a line has part of a chart.
fn has_bars(line: &str) -> bool {
    line.contains(['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'])
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_move_under_load_and_fit_the_screen() {
    let atmd = Atmd::start(&Options::default());
    let Some(screen) = watch(&atmd, 80, 24) else { return };
    screen.expect("READY");
    screen.expect("requests 0/s");
    let sessions = load::sessions(&atmd, 1, 8).await;
    let (_, moved) = tokio::join!(
        load::deposits(&atmd, sessions, Duration::from_secs(4)),
        tokio::task::spawn_blocking(move || {
            let lines = screen.when("deposits are the busiest", |lines| {
                let busiest = lines.iter().skip_while(|line| !line.starts_with("methods")).nth(1);
                busiest.is_some_and(|line| line.starts_with("deposit "))
            });
            assert!(!lines.iter().any(|line| line.contains("requests 0/s")), "{lines:#?}");
            assert!(lines.iter().any(|line| has_bars(line)), "{lines:#?}");
            screen
        })
    );
    let screen = moved.unwrap();
    for (columns, lines) in [(120, 40), (200, 60), (41, 11)] {
        screen.resize(columns, lines);
        // Until it is drawn anew, tmux shows a part of what was there.
        let _ = screen.when("it fits", |shown| {
            shown.len() == usize::from(lines)
                && shown[0].starts_with("atmd ")
                && shown[usize::from(lines) - 1].starts_with("q quit")
        });
    }
    screen.resize(30, 8);
    screen.expect("too small");
    screen.expect("30x8 of 40x10");
    screen.resize(80, 24);
    screen.expect("a column is 5 s");
    screen.press("+");
    screen.expect("a column is 15 s");
    screen.press("-");
    screen.expect("a column is 5 s");
    screen.press("?");
    screen.expect("to make a batch durable");
    screen.press("q");
    let (code, _) = screen.ended();
    assert_eq!(code, 0);
}

/// Columns of the fullest line of a chart.
fn filled(lines: &[String]) -> u64 {
    let bars = |line: &String| line.chars().filter(|letter| has_bars(&letter.to_string())).count();
    u64::try_from(lines.iter().map(bars).max().unwrap_or(0)).unwrap()
}

/// How many seconds atmd is up, by the first line, in its first minute.
fn up(lines: &[String]) -> Option<u64> {
    lines.first()?.split(" up ").nth(1)?.split(" s").next()?.parse().ok()
}

#[test]
fn charts_are_not_empty_at_the_start() {
    let atmd = Atmd::start(&Options::default().set("server.monitor_interval", "1s"));
    let Some(early) = watch(&atmd, 80, 24) else { return };
    let _ = early.when("some history", |lines| up(lines).is_some_and(|seconds| seconds >= 20));
    let late = watch(&atmd, 80, 24).unwrap();
    let begun = up(&late.expect("READY")).expect("it is up for less than a minute");
    late.press("-");
    late.press("-");
    late.expect("a column is 1 s");
    // More seconds than it has been looking for, of two charts beside each other.
    let _ = late.when("what was before", |lines| {
        up(lines).is_some_and(|now| filled(lines) / 2 > now.saturating_sub(begun) + 5)
    });
}

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    let atmd = Atmd::start(&Options::default());
    for (key, expected) in [("q", 0), ("C-c", 130), ("Escape", 0)] {
        let Some(screen) = watch(&atmd, 80, 24) else { return };
        screen.expect("READY");
        screen.press(key);
        assert_eq!(screen.ended().0, expected, "{key}");
    }
    for signal in [Signal::TERM, Signal::HUP] {
        let screen = watch(&atmd, 80, 24).unwrap();
        screen.expect("READY");
        let operators = atmd.operators().to_string();
        let hosts = running(&operators);
        let [host] = hosts.as_slice() else { panic!("one atmctl: {hosts:?}") };
        kill_process(Pid::from_raw(i32::try_from(*host).unwrap()).unwrap(), signal).unwrap();
        assert_eq!(screen.ended().0, 130, "{signal:?}");
    }
}

fn kill(process: u32) {
    kill_process(Pid::from_raw(i32::try_from(process).unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn the_terminal_is_given_back_though_one_of_the_two_is_killed() {
    let atmd = Atmd::start(&Options::default());
    let Some(screen) = watch(&atmd, 80, 24) else { return };
    screen.expect("READY");
    let host = running(&atmd.operators().to_string())[0];
    let plugins = children(host);
    let [plugin] = plugins.as_slice() else { panic!("one plugin: {plugins:?}") };
    kill(*plugin);
    let (code, shown) = screen.ended();
    assert!(
        code == 70 && shown.contains("monitor watch crashed: it was ended by signal 9"),
        "{code}: {shown}"
    );

    let screen = watch(&atmd, 80, 24).unwrap();
    screen.expect("READY");
    let host = running(&atmd.operators().to_string())[0];
    let plugin = children(host)[0];
    kill(host);
    // What the shell says before that, it says on the screen that goes.
    screen.is_given_back();
    eventually("the plugin ends", || match fs::exists(format!("/proc/{plugin}/exe")) {
        Ok(true) => Err(format!("{plugin} runs")),
        _ => Ok(()),
    });
}

#[test]
fn an_operator_who_is_disabled_meanwhile_has_the_terminal_back() {
    let atmd = Atmd::start(&Options::default());
    if need("tmux").is_none() {
        return;
    }
    let identity = atmd.data().join("maria.pem");
    let file = identity.to_str().unwrap();
    let _ = atmd.ctl(&["operator", "add", "maria", "--role", "viewer", "--out", file]).coded(0);
    let mut command = Command::new(atmd.ctl_command(&[]).get_program());
    command.envs(atmd.ctl_command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    let server = atmd.operators().to_string();
    command.args(["--server", &server, "--ca"]).arg(atmd.ca()).arg("--identity").arg(&identity);
    command.args(["monitor", "watch"]);
    let screen = Screen::start(&command, 80, 24).unwrap();
    screen.expect("READY");
    let _ = atmd.ctl(&["operator", "disable", "maria", "--yes"]).coded(0);
    let (code, shown) = screen.ended();
    assert!(code == 77 && shown.contains("error: "), "{code}: {shown}");
}

#[test]
fn it_goes_on_when_atmd_comes_back() {
    let mut atmd = Atmd::start(&Options::default());
    let Some(screen) = watch(&atmd, 80, 24) else { return };
    screen.expect("READY");
    atmd.kill();
    screen.expect("atmd is away since");
    let lines = screen.expect("trying again");
    assert!(lines[0].contains("AWAY"), "{lines:#?}");
    atmd.restart();
    let lines = screen.expect("back, restarted at");
    assert!(lines[0].contains("READY"), "{lines:#?}");
    screen.press("q");
    assert_eq!(screen.ended().0, 0);
}

#[test]
fn colours_are_as_somebody_wants_them() {
    let atmd = Atmd::start(&Options::default());
    // SGR of one of the sixteen colours, as tmux writes them.
    let has_colours = |painted: &str| {
        painted.contains("[38;")
            || painted.contains("[3")
                && ["31", "32", "33", "34", "35", "36"]
                    .iter()
                    .any(|code| painted.contains(&format!("[{code}m")))
    };
    for (variable, flag, expected) in
        [(None, None, true), (Some("1"), None, false), (None, Some("never"), false)]
    {
        let mut command = atmd.ctl_command(&["monitor", "watch"]);
        command.args(flag.map(|flag| ["--color", flag]).into_iter().flatten());
        command.envs(variable.map(|variable| ("NO_COLOR", variable)));
        let Some(screen) = Screen::start(&command, 80, 24) else { return };
        screen.expect("READY");
        let painted = screen.painted();
        assert_eq!(has_colours(&painted), expected, "{variable:?} {flag:?}: {painted:?}");
    }
}

#[test]
fn it_needs_a_terminal_and_says_so() {
    let atmd = Atmd::start(&Options::default());
    let piped = atmd.ctl(&["monitor", "watch"]).coded(2);
    assert!(piped.stdout.is_empty() && piped.stderr.contains("needs a terminal"), "{piped}");
    let mut command = atmd.ctl_command(&["monitor", "watch"]);
    command.env("TERM", "dumb").stdin(Stdio::null());
    let dumb = process::run(command, "").coded(2);
    assert!(dumb.stderr.contains("needs a terminal") && dumb.stderr.contains("monitor show"), "{dumb}");
    let mut command = atmd.ctl_command(&["monitor", "watch"]);
    command.env("TERM", "dumb");
    let Some(screen) = Screen::start(&command, 80, 24) else { return };
    let (code, shown) = screen.ended();
    assert!(code == 2 && shown.contains("needs a terminal"), "{shown}");
}
