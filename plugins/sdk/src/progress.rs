//! A bar on stderr for what takes long. Where stderr is no terminal there is none, and nothing is written.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};

/// How far something is, for a person who waits. The bar is gone when this is dropped.
#[derive(Debug)]
pub struct Progress {
    /// `None`: nobody looks on.
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(counting());
            bar
        });
        Self { bar }
    }

    /// So much of `what` is done. Without a `total` it only counts.
    pub fn at(&self, what: &str, done: u64, total: u64) {
        let Some(bar) = &self.bar else { return };
        let known = total > 0;
        if bar.length() != known.then_some(total) || bar.message() != what {
            bar.set_style(if known { measured() } else { counting() });
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

fn measured() -> ProgressStyle {
    styled("{msg} [{bar:30}] {human_pos}/{human_len} {percent}% {per_sec:.0} eta {eta}")
}

fn counting() -> ProgressStyle {
    styled("{msg} {human_pos} {elapsed}")
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
        for template in
            ["{msg} [{bar:30}] {human_pos}/{human_len} {percent}% {per_sec:.0} eta {eta}", "{msg}"]
        {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
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
