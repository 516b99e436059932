//! Asks a plugin to describe itself, in the sandbox and with nothing around it.

use super::describe::read;
use super::discover::Trust;
use super::process::{adopt_orphans, end_group, id};
use super::program::Program;
use super::sandbox::start::Start;
use super::sandbox::{Available, Policy, available};
use atm_rpc::plugin::{Code, DESCRIBE, DESCRIPTION_BYTES_MAX, Description, Failure};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Child;
use tokio::time::timeout;

const TIME: Duration = Duration::from_secs(2);

/// What a program says about itself; `name`: what it must call itself, where that is known. What it leaves
/// behind is for the caller to [end](super::process::end_orphans), when no other plugin runs.
pub(crate) async fn ask(program: &Program, path: &Path, name: Option<&str>) -> Result<Description, Failure> {
    let said = said(program, path, available()).await;
    said.and_then(|text| read(name, &text)).map_err(|what| {
        let file = || path.file_name().unwrap_or_default().display().to_string();
        let called = name.map_or_else(file, ToOwned::to_owned);
        Failure::new(Code::Protocol, format!("the plugin {called} does not describe itself: {what}"))
            .hint(format!("see for yourself: {} {DESCRIBE}", path.display()))
    })
}

async fn said(program: &Program, path: &Path, available: Available) -> Result<Vec<u8>, String> {
    let start = Start {
        program,
        path,
        arguments: &[DESCRIBE.to_owned()],
        environment: Vec::new(),
        policy: Policy::bare(path.parent().unwrap_or(path)),
        available,
        connection: None,
        stdin: Stdio::null(),
        stdout: Stdio::piped(),
        stderr: Stdio::null(),
        trust: Trust::Installed,
        shares_group: false,
    };
    adopt_orphans();
    let started = timeout(TIME, start.start()).await.map_err(|_| late())?;
    let mut child = started.map_err(|error| format!("it cannot be started: {error}"))?;
    let group = id(&child);
    let said = timeout(TIME, listen(&mut child)).await;
    end_group(&mut child, group).await;
    said.unwrap_or_else(|_| Err(late()))
}

fn late() -> String {
    "it took longer than 2 s".to_owned()
}

async fn listen(child: &mut Child) -> Result<Vec<u8>, String> {
    let stdout = child.stdout.take().ok_or("it has no output")?;
    let mut text = Vec::new();
    let read = stdout.take(DESCRIPTION_BYTES_MAX + 1).read_to_end(&mut text).await;
    let length = read.map_err(|error| error.to_string())?;
    if u64::try_from(length).is_ok_and(|length| length > DESCRIPTION_BYTES_MAX) {
        return Err(format!("it says more than {DESCRIPTION_BYTES_MAX} bytes"));
    }
    let status = child.wait().await.map_err(|error| error.to_string())?;
    status.success().then_some(text).ok_or_else(|| format!("it ended with {status}"))
}
