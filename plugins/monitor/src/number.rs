//! Floats of measurements as whole numbers, in the one place that may cast them.

/// The nearest whole number; zero for what is none or below zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast holds at the ends of the range, and makes zero of what is no number"
)]
pub(crate) fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// Rounded to so many decimals, so that tables stay narrow.
pub(crate) fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}
