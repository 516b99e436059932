//! Files of a site that the kit makes up, so that a plugin under test does not get at those of the real one.

use crate::plugins::paths::Values;
use atm_rpc::plugin::{Command, Site};
use std::io;
use std::path::Path;

const CLIENT_LEDGER: &str = "\
Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time
0712345678,registered,,0.00,10000.00,2030-01-30T09:00:00.000Z,,
0712345678,login,,0.00,10000.00,2030-01-30T09:00:02.000Z,2030-01-30T09:00:02.000Z,0.00
0712345678,deposit,500.00,500.00,10500.00,2030-01-30T09:00:09.500Z,2030-01-30T09:00:02.000Z,7.50
0712345678,exit,,500.00,10500.00,2030-01-30T09:00:12.000Z,2030-01-30T09:00:02.000Z,10.00
0812345678,auth_failed,,0.00,10500.00,2030-01-31T10:00:00.000Z,,
0712345678,login,,500.00,10500.00,2030-01-31T18:30:00.000Z,2030-01-31T18:30:00.000Z,0.00
0712345678,withdraw,100.00,400.00,10400.00,2030-01-31T18:30:20.000Z,2030-01-31T18:30:00.000Z,20.00
";
const BANK_LEDGER: &str = "\
Mobile_Number,Action,Amount,Bank_Balance,Timestamp
,opening,10000.00,10000.00,2030-01-30T08:00:00.000Z
0712345678,deposit,500.00,10500.00,2030-01-30T09:00:09.500Z
0712345678,withdraw,100.00,10400.00,2030-01-31T18:30:20.000Z
";
const BANK: &str = "{\"currency\":\"INR\",\"decimals\":2,\"timezone\":\"Asia/Kolkata\"}\n";

/// Writes files for arguments that were left out, and names them.
pub(super) fn supply(command: &Command, values: &mut Values, folder: &Path) -> io::Result<()> {
    for argument in &command.arguments {
        let Some(site) = argument.site else { continue };
        let given = values.entry(argument.name.clone()).or_default();
        if given.is_empty() {
            let file = folder.join(site.path().replace('/', "-"));
            std::fs::write(&file, content(site))?;
            given.push(file.display().to_string());
        }
    }
    Ok(())
}

const fn content(site: Site) -> &'static str {
    match site {
        Site::ClientLedger => CLIENT_LEDGER,
        Site::BankLedger => BANK_LEDGER,
        Site::Bank => BANK,
    }
}
