//! The client's side of a connection: opening one, and for customers going on after it broke.

mod customer;
mod endpoint;
mod trust;

pub use customer::{Customer, CustomerError, Patience};
pub use endpoint::{ConnectError, Connection, Endpoint};
pub use trust::cure;
