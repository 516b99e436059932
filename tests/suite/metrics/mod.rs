//! What atmd says of itself: metrics, health, and that both are so.

mod clock;
mod health;
mod http;
mod prometheus;
mod readings;
