//! Hours across, weekdays down: the denser, the more.

use super::screen::{Colour, Screen};
use super::title;
use crate::drawing::Data;
use crate::drawing::words::{WEEKDAYS, counted, grouped};

/// Nothing, and four shades.
const BLOCKS: [char; 5] = ['·', '░', '▒', '▓', '█'];
const ASCII: [char; 5] = ['.', '-', '+', '*', '#'];
const SHADES: u32 = 4;
const CELL_MAX: usize = 6;

pub(super) fn week(data: &Data, screen: &Screen) -> Vec<String> {
    let counts = || data.hours.iter().flatten().copied();
    let most = counts().max().unwrap_or(0);
    let sums = data.hours.map(|day| grouped(day.iter().copied().fold(0, u64::saturating_add)));
    let sums_width = sums.iter().map(String::len).max().unwrap_or(0).max(3);
    let cell = (screen.columns.saturating_sub(6 + sums_width) / 24).clamp(1, CELL_MAX);
    let hours = (0..24).step_by(3).map(|hour| format!("{:<width$}", format!("{hour:02}"), width = 3 * cell));
    let mut lines = title("Movements by hour of the week", data, screen);
    lines.push(format!("    {}  {:>sums_width$}", hours.collect::<String>(), "All"));
    let glyph = |shade: u32| {
        let index = usize::try_from(shade).unwrap_or(0);
        screen.either(BLOCKS[index], ASCII[index])
    };
    for ((day, counts), sum) in WEEKDAYS.iter().zip(&data.hours).zip(&sums) {
        let cells = counts.iter().map(|count| glyph(shade(*count, most)).to_string().repeat(cell));
        let cells = screen.paint(Colour::Cyan, &cells.collect::<String>());
        lines.push(format!("{} {cells}  {sum:>sums_width$}", &day[..3]));
    }
    let key = (0..=SHADES).filter_map(|wanted| {
        let fits = counts().filter(|count| shade(*count, most) == wanted);
        let (low, high) = fits.fold((u64::MAX, 0), |(low, high), count| (low.min(count), high.max(count)));
        let range = if low == high { grouped(low) } else { format!("{} to {}", grouped(low), grouped(high)) };
        (low <= high).then(|| format!("{} {range}", glyph(wanted)))
    });
    lines.push(String::new());
    let key: Vec<String> = key.collect();
    lines.extend(screen.joined(key.iter().map(String::as_str), "   "));
    let days = WEEKDAYS.iter().zip(&data.hours);
    let mut cells =
        days.flat_map(|(name, day)| day.iter().enumerate().map(move |(hour, count)| (*count, *name, hour)));
    if let Some((count, name, hour)) = cells.find(|(count, ..)| *count == most) {
        let busiest = format!("Busiest: {name} from {hour:02}:00, {}.", counted(count, "movement"));
        lines.extend(screen.folded(&busiest));
    }
    lines
}

/// Which shade so many are: 0 is nothing, and anything above nothing is seen.
fn shade(count: u64, most: u64) -> u32 {
    let (count, most) = (i128::from(count), i128::from(most));
    let reaches = |shade: &u32| count <= most * i128::from(*shade) / i128::from(SHADES);
    if count == 0 { 0 } else { (1..SHADES).find(reaches).unwrap_or(SHADES) }
}
