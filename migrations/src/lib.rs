//! The schema of the bank's database, one file a migration. `atmd migrate` runs them.
//!
//! Types are those that every engine stores alike: integers, bytes and short text. Instants are
//! milliseconds since 1970 in UTC, days are days since 1970, amounts are minor units.

mod columns;
mod m20261122_000001_bank;
mod m20261122_000002_certificate;
mod m20261122_000003_reset_code;

use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};

/// All migrations, in order.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_bank::Migration),
            Box::new(m20261122_000002_certificate::Migration),
            Box::new(m20261122_000003_reset_code::Migration),
        ]
    }
}
