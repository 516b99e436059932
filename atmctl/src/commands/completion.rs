//! `atmctl completion`: the script by which a shell asks this program what could be typed.

use crate::Io;
use crate::arguments::Globals;
use crate::completion::Shell;
use crate::stop::Stop;
use atm_rpc::plugin::{Code, Failure};

pub(crate) fn run(shell: Shell, globals: &Globals, io: &mut Io) -> Result<u8, Stop> {
    if globals.output.is_some() {
        return Err(Failure::new(Code::Usage, "completion prints a script: it takes no --output").into());
    }
    shell.script(&mut io.stdout)?;
    Ok(0)
}
