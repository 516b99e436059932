//! What people and machines see of atmd while it runs: `atmctl monitor`, and what comes with it for Prometheus.

mod alerts;
mod figures;
mod live;
mod shipped;
