//! What is typed, and new sizes of the terminal, as they come.

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use std::io;
use std::thread;
use tokio::sync::mpsc::{self, Receiver};

/// What may wait to be seen: more than anybody types at a time.
const WAITING_MAX: usize = 64;

/// What somebody did at the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Press {
    /// Wants to leave.
    Quit,
    /// Pressed Ctrl-C.
    Interrupt,
    /// Wants to know the keys, or has seen them.
    Help,
    /// Wants a longer time on the screen.
    Longer,
    /// Wants a shorter one.
    Shorter,
    /// Wants it drawn anew.
    Redraw,
    /// Made the terminal another size.
    Resize,
}

/// Reads the terminal from now on. Ends with the error where it is gone.
pub(crate) fn presses() -> Receiver<io::Result<Press>> {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    thread::spawn(move || {
        loop {
            let (press, last) = match event::read() {
                Ok(event) => (meaning(&event).map(Ok), false),
                Err(error) => (Some(Err(error)), true),
            };
            let gone = press.is_some_and(|press| sender.blocking_send(press).is_err());
            if gone || last {
                return;
            }
        }
    });
    receiver
}

/// What an event is to the screen, if it is anything.
fn meaning(event: &Event) -> Option<Press> {
    let key = match event {
        Event::Resize(..) => return Some(Press::Resize),
        Event::Key(key) if key.kind != KeyEventKind::Release => key,
        _ => return None,
    };
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if control => Some(Press::Interrupt),
        KeyCode::Char('l') if control => Some(Press::Redraw),
        KeyCode::Char(_) if control => None,
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Press::Quit),
        KeyCode::Char('?' | 'h') | KeyCode::F(1) => Some(Press::Help),
        KeyCode::Char('+' | '=') | KeyCode::Right => Some(Press::Longer),
        KeyCode::Char('-' | '_') | KeyCode::Left => Some(Press::Shorter),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::crossterm::event::KeyEvent;

    #[test]
    fn keys_mean_what_the_help_says() {
        let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
        let plain = |c| key(KeyCode::Char(c), KeyModifiers::NONE);
        let control = |c| key(KeyCode::Char(c), KeyModifiers::CONTROL);
        let table = [
            (plain('q'), Some(Press::Quit)),
            (key(KeyCode::Esc, KeyModifiers::NONE), Some(Press::Quit)),
            (control('c'), Some(Press::Interrupt)),
            (control('q'), None),
            (control('l'), Some(Press::Redraw)),
            (plain('?'), Some(Press::Help)),
            (key(KeyCode::Char('+'), KeyModifiers::SHIFT), Some(Press::Longer)),
            (plain('-'), Some(Press::Shorter)),
            (plain('x'), None),
            (Event::Resize(80, 24), Some(Press::Resize)),
            (Event::FocusGained, None),
        ];
        for (event, expected) in table {
            assert_eq!(meaning(&event), expected, "{event:?}");
        }
    }
}
