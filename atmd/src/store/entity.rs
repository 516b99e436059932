//! The tables as rows. These types never leave `store`.
#![expect(unreachable_pub, reason = "sea-orm's derives make public items, which stay inside this module")]

macro_rules! tables {
    ($($(#[$doc:meta])* $module:ident = $name:literal { $($(#[$attribute:meta])* $field:ident: $type:ty,)+ })+) => {
        $($(#[$doc])*
        pub(crate) mod $module {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $name)]
            pub struct Model { $($(#[$attribute])* pub $field: $type,)+ }

            #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        })+
    };
}

tables! {
    /// The bank itself: one row, locked by every batch.
    bank = "bank" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: i64,
        instance: Vec<u8>,
        currency: String,
        created_at: i64,
    }
    /// Balances and states.
    account = "account" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: i64,
        posted_minor: i64,
        pending_minor: i64,
        state: i32,
        last_seq: Option<i64>,
        opened_at: i64,
    }
    /// What happened.
    journal = "journal" {
        #[sea_orm(primary_key, auto_increment = false)]
        seq: i64,
        recorded_at: i64,
        business_date: i32,
        action: i32,
        customer: Option<i64>,
        amount_minor: Option<i64>,
        debit: Option<i64>,
        credit: Option<i64>,
        customer_balance_minor: Option<i64>,
        vault_balance_minor: i64,
        session: Option<i64>,
        session_started_at: Option<i64>,
        elapsed_ms: Option<i64>,
        terminal: Option<String>,
        request_key: Option<Vec<u8>>,
        payload_hash: Option<Vec<u8>>,
        reverses: Option<i64>,
        prev_seq: Option<i64>,
        mac: Vec<u8>,
    }
    /// One row a batch.
    seal = "seal" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: i64,
        batch: Vec<u8>,
        sealed_at: i64,
        business_date: i32,
        last_seq: i64,
        last_audit: i64,
        vault_balance_minor: i64,
        mac: Vec<u8>,
    }
    /// Keys of rejected requests.
    rejection = "rejection" {
        #[sea_orm(primary_key, auto_increment = false)]
        request_key: Vec<u8>,
        account: i64,
        payload_hash: Vec<u8>,
        body: Vec<u8>,
        recorded_at: i64,
    }
    /// How far derived files are.
    checkpoint = "checkpoint" {
        #[sea_orm(primary_key, auto_increment = false)]
        node: String,
        #[sea_orm(primary_key, auto_increment = false)]
        file: String,
        next_seq: i64,
        byte_length: i64,
    }
    /// PINs.
    credential = "credential" {
        #[sea_orm(primary_key, auto_increment = false)]
        account: i64,
        pepper: i32,
        memory_kib: i32,
        iterations: i32,
        salt: Vec<u8>,
        hash: Vec<u8>,
        attempts: i32,
        failures: i32,
        raised_at: i64,
    }
    /// One-time codes.
    reset_code = "reset_code" {
        #[sea_orm(primary_key, auto_increment = false)]
        account: i64,
        pepper: i32,
        memory_kib: i32,
        iterations: i32,
        salt: Vec<u8>,
        hash: Vec<u8>,
        issued_at: i64,
        expires_at: i64,
    }
    /// Customers' sessions.
    session = "session" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: i64,
        account: i64,
        token_hash: Vec<u8>,
        attachment: i32,
        terminal: String,
        started_at: i64,
        seen_at: i64,
        ended_at: Option<i64>,
        end_reason: Option<i32>,
    }
    /// Numbers that may not log in.
    blacklist = "blacklist" {
        #[sea_orm(primary_key, auto_increment = false)]
        number: i64,
        id: i64,
        reason: String,
        actor: String,
        since: i64,
        until: Option<i64>,
    }
    /// History of the blacklist.
    blacklist_event = "blacklist_event" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: i64,
        at: i64,
        number: i64,
        act: i32,
        reason: String,
        actor: String,
        until: Option<i64>,
    }
    /// Operators.
    operator = "operator" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: i64,
        name: String,
        role: i32,
        fingerprint: Vec<u8>,
        enabled: i32,
        created_at: i64,
    }
    /// Certificates that atmd issued.
    certificate = "certificate" {
        #[sea_orm(primary_key, auto_increment = false)]
        operator: i64,
        key_hash: Vec<u8>,
        pem: String,
    }
    /// What operators did.
    audit = "audit" {
        #[sea_orm(primary_key, auto_increment = false)]
        id: i64,
        at: i64,
        operator: String,
        role: String,
        command: Option<String>,
        plugin: Option<String>,
        plugin_version: Option<String>,
        plugin_digest: Option<String>,
        capabilities: String,
        method: String,
        arguments: String,
        result: String,
        mac: Vec<u8>,
    }
}
