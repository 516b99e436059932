//! A bar on stderr for what takes long. Where stderr is no terminal there is none, and nothing is written;
//! where NO_COLOR is set, it does without escape sequences.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use std::io::{self, IsTerminal, Write};

/// As wide as every terminal is.
const PLAIN_WIDTH: usize = 80;
/// How often a second it is drawn where each drawing is a whole line.
const PLAIN_RATE: u8 = 5;

/// How far something is, for a person who waits. The bar is gone when this is dropped.
#[derive(Debug)]
pub struct Progress {
    /// `None`: nobody looks on.
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let target = match plain {
                true => ProgressDrawTarget::term_like_with_hz(Box::new(Plain), PLAIN_RATE),
                false => ProgressDrawTarget::stderr(),
            };
            let bar = ProgressBar::with_draw_target(None, target);
            bar.set_style(counting());
            bar
        });
        Self { bar }
    }

    /// So much of `what` is done. Without a `total` it only counts.
    pub fn at(&self, what: &str, done: u64, total: u64) {
        self.show(what, done, total, if total > 0 { measured } else { counting });
    }

    /// So many bytes of `what` are done. Without a `total` it only counts.
    pub fn bytes(&self, what: &str, done: u64, total: u64) {
        self.show(what, done, total, if total > 0 { weighed } else { weighing });
    }

    /// The same of a known total, with how fast something else goes that is in the bytes.
    pub fn bytes_with(&self, what: &str, done: u64, total: u64, beside: &str) {
        let Some(bar) = &self.bar else { return };
        bar.set_prefix(beside.to_owned());
        self.show(what, done, total, weighed_with);
    }

    fn show(&self, what: &str, done: u64, total: u64, style: fn() -> ProgressStyle) {
        let Some(bar) = &self.bar else { return };
        let known = total > 0;
        if bar.length() != known.then_some(total) || bar.message() != what {
            bar.set_style(style());
            bar.reset();
            if known {
                bar.set_length(total)
            } else {
                bar.unset_length()
            }
            bar.set_message(what.to_owned());
        }
        bar.set_position(if known { done.min(total) } else { done });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A terminal of which nothing is asked but to go back to the start of the line.
#[derive(Debug)]
struct Plain;

impl TermLike for Plain {
    fn width(&self) -> u16 {
        u16::try_from(PLAIN_WIDTH - 1).unwrap_or(u16::MAX)
    }

    // There is one line, and it is written from its start.
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        io::stderr().write_all(text.as_bytes())
    }

    fn clear_line(&self) -> io::Result<()> {
        write!(io::stderr(), "\r{:1$}\r", "", PLAIN_WIDTH - 1)
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}

const MEASURED: &str = "{msg} [{bar:30}] {human_pos}/{human_len} {percent}% {per_sec:.0} eta {eta}";
const COUNTING: &str = "{msg} {human_pos} {elapsed}";
const WEIGHED: &str = "{msg} [{bar:20}] {bytes}/{total_bytes} {percent}% {bytes_per_sec} eta {eta}";
/// As wide as a terminal of 80 columns.
const WEIGHED_WITH: &str = "{msg} [{bar:10}] {bytes}/{total_bytes} {percent}% {prefix} eta {eta}";
const WEIGHING: &str = "{msg} {bytes} {bytes_per_sec} {elapsed}";

fn measured() -> ProgressStyle {
    styled(MEASURED)
}

fn counting() -> ProgressStyle {
    styled(COUNTING)
}

fn weighed() -> ProgressStyle {
    styled(WEIGHED)
}

fn weighed_with() -> ProgressStyle {
    styled(WEIGHED_WITH)
}

fn weighing() -> ProgressStyle {
    styled(WEIGHING)
}

fn styled(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_ones() {
        for template in [MEASURED, COUNTING, WEIGHED, WEIGHED_WITH, WEIGHING] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn bytes_may_have_something_beside_them() {
        let bar = ProgressBar::hidden();
        let progress = Progress { bar: Some(bar.clone()) };
        progress.bytes_with("reading", 3, 10, "7 rows/s");
        assert_eq!((bar.position(), bar.length(), bar.prefix()), (3, Some(10), "7 rows/s".into()));
        progress.bytes("reading the pipe", 12, 0);
        assert_eq!((bar.position(), bar.length()), (12, None));
    }

    #[test]
    fn counts_up_to_a_total_that_may_change() {
        let bar = ProgressBar::hidden();
        let progress = Progress { bar: Some(bar.clone()) };
        progress.at("history", 3, 10);
        assert_eq!((bar.position(), bar.length(), bar.message()), (3, Some(10), "history".into()));
        progress.at("history", 12, 10);
        assert_eq!(bar.position(), 10);
        progress.at("ledgers", 4, 0);
        assert_eq!((bar.position(), bar.length(), bar.message()), (4, None, "ledgers".into()));
        drop(progress);
        assert!(bar.is_finished());
    }
}
