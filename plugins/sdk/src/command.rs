//! What a plugin says about its commands beyond what clap knows. Constant data, no behaviour.

use atm_rpc::operator::Capability;
use atm_rpc::plugin::{self, Connection, Kind, Network, Output, Schema, Site};

/// One command: a row of the plugin's table. See [`plugin::Command`] for what the fields mean.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    pub(crate) name: &'static str,
    pub(crate) capabilities: &'static [Capability],
    pub(crate) connection: Connection,
    pub(crate) network: &'static [Network],
    pub(crate) changes: bool,
    pub(crate) destructive: bool,
    pub(crate) examples: &'static [&'static str],
    pub(crate) values: &'static [(&'static str, &'static str, &'static str)],
    pub(crate) writes: &'static [&'static str],
    pub(crate) sites: &'static [(&'static str, Site)],
    schema: Option<(&'static str, &'static [Column])>,
}

impl Command {
    /// A command that prints rows of that schema.
    #[must_use]
    pub const fn rows(name: &'static str, schema: &'static str, columns: &'static [Column]) -> Self {
        Self { schema: Some((schema, columns)), ..Self::raw(name) }
    }

    /// A command that prints what it likes.
    #[must_use]
    pub const fn raw(name: &'static str) -> Self {
        Self {
            name,
            capabilities: &[],
            connection: Connection::Required,
            network: &[],
            changes: false,
            destructive: false,
            examples: &[],
            values: &[],
            writes: &[],
            sites: &[],
            schema: None,
        }
    }

    /// The rights that it uses.
    #[must_use]
    pub const fn needs(self, capabilities: &'static [Capability]) -> Self {
        Self { capabilities, ..self }
    }

    /// It changes something.
    #[must_use]
    pub const fn changes(self) -> Self {
        Self { changes: true, ..self }
    }

    /// It changes something for good.
    #[must_use]
    pub const fn destroys(self) -> Self {
        Self { changes: true, destructive: true, ..self }
    }

    /// It runs without atmd.
    #[must_use]
    pub const fn without_connection(self) -> Self {
        Self { connection: Connection::None, ..self }
    }

    /// It dials more than its connection.
    #[must_use]
    pub const fn dials(self, network: &'static [Network]) -> Self {
        Self { network, ..self }
    }

    /// How it is used: what comes after its name.
    #[must_use]
    pub const fn examples(self, examples: &'static [&'static str]) -> Self {
        Self { examples, ..self }
    }

    /// Where atmd knows values of arguments: argument, method, field of the method's rows.
    #[must_use]
    pub const fn values(self, values: &'static [(&'static str, &'static str, &'static str)]) -> Self {
        Self { values, ..self }
    }

    /// Which of the arguments that are paths name files that it writes; it reads the others.
    #[must_use]
    pub const fn writes(self, writes: &'static [&'static str]) -> Self {
        Self { writes, ..self }
    }

    /// Which files of the site the host gives for arguments that the operator leaves out.
    #[must_use]
    pub const fn sites(self, sites: &'static [(&'static str, Site)]) -> Self {
        Self { sites, ..self }
    }

    pub(crate) const fn is_raw(&self) -> bool {
        self.schema.is_none()
    }

    pub(crate) fn output(&self) -> Output {
        let Some((name, columns)) = self.schema else { return Output::Raw };
        let columns = columns.iter().map(Column::described).collect();
        Output::Rows { schema: Schema { name: name.to_owned(), columns } }
    }
}

/// One field of a command's rows.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    name: &'static str,
    kind: Kind,
    summed: bool,
}

impl Column {
    /// A field that no sum is made of.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, summed: false }
    }

    /// A field whose sum over the rows means something.
    #[must_use]
    pub const fn summed(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, summed: true }
    }

    fn described(&self) -> plugin::Column {
        plugin::Column { name: self.name.to_owned(), kind: self.kind, summed: self.summed }
    }
}
